"""All algorithms on the rows that real tables hold: missing, unseen, empty, of one kind only."""

import numpy as np
import pyarrow as pa
import pytest

from lakehouse.errors import TidemarkError
from ml_assets.algorithms.baseline import fit_class_baseline
from ml_assets.algorithms.text_features import FrequentTerms
from ml_assets.spec.document import ModelSpec
from ml_assets.training import feature_columns, fit

ROWS = 240
SINGLE = np.arange(ROWS)  # no near duplicates
_WORDS = {0: "awful broken refund", 1: "okay average fine", 2: "lovely perfect superb"}
_LIGHTGBM = {"name": "lightgbm", "parameters": {"trees": 8, "text_components": 4}}
_SMALL = {"trees": 8, "text_components": 4}
_HISTOGRAMS = {"name": "hist_gradient_boosting", "parameters": _SMALL}
_OWN = {
    "name": "estimator",
    "class": "sklearn.tree.DecisionTreeClassifier",
    "parameters": {"min_samples_leaf": 3},
    "preprocessing": {"text_components": 4},
}
ALGORITHMS = [{"name": "linear_text"}, {"name": "ordinal"}, _LIGHTGBM, _HISTOGRAMS, _OWN]
_KINDS = {"text": ("text",), "categorical": ("language",), "numeric": ("words", "price")}


@pytest.fixture
def rows():
    """A table of features with some of each missing, and the class indices of its rows."""
    rng = np.random.default_rng(7)
    label = np.arange(ROWS) % 3
    texts = [" ".join(rng.permutation(_WORDS[int(c)].split())) + f" x{c}" for c in label]
    table = pa.table(
        {
            "text": pa.array([None if i % 40 == 0 else t for i, t in enumerate(texts)]),
            "language": pa.array(
                [None if i % 17 == 0 else v for i, v in enumerate(rng.choice(["en", "es"], ROWS))]
            ),
            "words": pa.array(rng.integers(1, 50, ROWS), pa.int32()),
            "price": pa.array([None if i % 11 == 0 else float(i) for i in range(ROWS)]),
        }
    )
    return table, label


def _spec(algorithm, *, without: str | None = None, **sections) -> ModelSpec:
    features = {kind: names for kind, names in _KINDS.items() if kind != without}
    data = {
        "name": "stars",
        "task": "ordinal",
        "table": "features",
        "entity_key": "id",
        "event_time": "at",
        "label": {"column": "stars", "classes": (1, 2, 3)},
        "features": features,
        "algorithm": algorithm,
        "split": {"holdout": 0.25},
    }
    return ModelSpec.model_validate(data | sections)


def _check(probabilities, rows: int) -> None:
    assert probabilities.shape == (rows, 3)
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("without", [None, "text", "categorical", "numeric"])
def test_any_kinds_of_features_give_probabilities(rows, algorithm, without):
    table, label = rows
    spec = _spec(algorithm, without=without)
    fitted = fit(spec, table, label, SINGLE)
    assert fitted.rows == ROWS
    assert fitted.model.columns == feature_columns(spec)
    assert fitted.model.algorithm == algorithm["name"]
    probabilities = fitted.model.output(table)
    _check(probabilities, ROWS)
    if without != "text":
        right = probabilities.argmax(axis=1) == label
        assert right.mean() > 0.9


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_same_seed_gives_the_same_probabilities(rows, algorithm):
    first, second = (fit(_spec(algorithm), *rows, SINGLE).model.output(rows[0]) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_class_that_training_lacks_keeps_its_place(rows, algorithm, missing):
    table, label = rows
    kept = np.flatnonzero(label != missing)
    model = fit(_spec(algorithm), table.take(kept), label[kept], kept).model
    probabilities = model.output(table)
    _check(probabilities, ROWS)
    assert (probabilities[:, missing] < 1e-3).all()
    assert (probabilities[kept].argmax(axis=1) == label[kept]).mean() > 0.9


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_new_rows_may_be_unseen_null_or_of_other_types(rows, algorithm):
    model = fit(_spec(algorithm), *rows, SINGLE).model
    new = pa.table(
        {
            "text": pa.array([None, "", "never seen at all", "lovely perfect superb"]),
            "language": pa.array(["fi", None, "", "en"]).dictionary_encode(),
            "words": pa.array([None, 10**9, -5, 3], pa.int64()),
            "price": pa.array([None, None, "1.5", "0"]).cast(pa.decimal128(5, 2)),
            "unused": pa.array([1, 2, 3, 4]),
        }
    )
    _check(model.output(new), 4)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_rows_do_not_depend_on_the_others_in_their_batch(rows, algorithm):
    model = fit(_spec(algorithm), *rows, SINGLE).model
    whole = model.output(rows[0])
    ones = [model.output(rows[0].slice(i, 1)) for i in range(5)]
    np.testing.assert_allclose(np.concatenate(ones), whole[:5], atol=1e-12)
    batch = rows[0].slice(0, 5).to_batches()[0]
    np.testing.assert_allclose(model.output(batch), whole[:5], atol=1e-12)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_empty_batch_has_no_probabilities(rows, algorithm):
    assert fit(_spec(algorithm), *rows, SINGLE).model.output(rows[0].slice(0, 0)).shape == (0, 3)


# The share of variance that no text explains; it is not used.
@pytest.mark.filterwarnings("ignore:invalid value encountered in divide:RuntimeWarning")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_columns_without_one_value_or_term_can_be_trained_on(rows, algorithm):
    table, label = rows
    empty = pa.table(
        {
            "text": pa.nulls(ROWS, pa.string()),
            "language": pa.nulls(ROWS, pa.string()),
            "words": pa.nulls(ROWS, pa.int32()),
            "price": table.column("price"),
        }
    )
    _check(fit(_spec(algorithm), empty, label, SINGLE).model.output(empty), ROWS)


@pytest.mark.parametrize("bits", [8, 18])
def test_a_text_with_fewer_terms_than_components_can_be_trained_on(rows, bits):
    table, label = rows
    parameters = {"trees": 8, "text_components": 300, "text_hash_bits": bits}
    algorithm = {"name": "lightgbm", "parameters": parameters}
    probabilities = fit(_spec(algorithm), table, label, SINGLE).model.output(table)
    _check(probabilities, ROWS)
    assert (probabilities.argmax(axis=1) == label).mean() > 0.9


@pytest.mark.parametrize("algorithm", [*ALGORITHMS, {"name": "linear"}])
def test_a_handful_of_rows_can_be_trained_on(rows, algorithm):
    table, label = rows
    model = fit(_spec(algorithm), table.slice(0, 4), label[:4], SINGLE[:4]).model
    _check(model.output(table), ROWS)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_rows_of_one_class_are_nothing_to_learn_from(rows, algorithm):
    with pytest.raises(TidemarkError, match="All 240 training rows are of the class 2"):
        fit(_spec(algorithm), rows[0], np.ones(ROWS, np.int64), SINGLE)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_weights_raise_the_rare_class(rows, algorithm):
    table, label = rows
    # Without the text, classes can only be told by how frequent they are.
    kept = np.flatnonzero((label != 0) | (np.arange(ROWS) % 12 == 0))
    options = {"without": "text"}
    plain = fit(_spec(algorithm, **options), table.take(kept), label[kept], kept)
    spec = _spec(algorithm, **options, balancing={"method": "weights"})
    weighted = fit(spec, table.take(kept), label[kept], kept)
    assert weighted.rows == plain.rows == len(kept)
    rare = [f.model.output(table)[:, 0].mean() for f in (plain, weighted)]
    assert rare[1] > rare[0]


def test_undersampling_takes_rows_off_the_frequent_classes(rows):
    table, label = rows
    kept = np.flatnonzero((label != 0) | (np.arange(ROWS) % 12 == 0))
    spec = _spec({"name": "linear_text"}, balancing={"method": "undersampling"})
    assert fit(spec, table.take(kept), label[kept], kept).rows < len(kept)


def test_folds_keep_groups_together_and_are_scored_each(rows):
    table, label = rows
    spec = _spec(_LIGHTGBM, split={"holdout": 0.25, "folds": 3})
    result = fit(spec, table, label, np.arange(ROWS)).cross_validation
    assert len(result.values) == 3
    assert result.mean == pytest.approx(sum(result.values) / 3)
    assert result.standard_deviation == pytest.approx(np.std(result.values, ddof=1))
    assert result.mean > 0.8


@pytest.mark.parametrize(
    ("label", "expected"),
    [([0, 1, 1, 2], [0.25, 0.5, 0.25]), ([2, 2], [0, 0, 1]), ([1], [0, 1, 0])],
)
def test_the_baseline_predicts_the_class_frequencies_for_any_row(label, expected):
    model = fit_class_baseline(np.array(label), ("low", "middle", "high"))
    probabilities = model.output(pa.table({"anything": [1, 2, 3]}))
    np.testing.assert_allclose(probabilities, [expected] * 3)
    assert model.output(pa.table({"anything": pa.array([], pa.int8())})).shape == (0, 3)


def _matrix(rows):
    from scipy.sparse import csr_matrix

    return csr_matrix(np.array(rows))


def test_terms_in_too_few_documents_are_dropped():
    terms = FrequentTerms(min_document_frequency=2).fit(_matrix([[1, 5, 0], [2, 0, 1]]))
    assert terms.kept_.tolist() == [0]
    assert terms.transform(_matrix([[3, 4, 5]])).toarray().tolist() == [[3]]


def test_the_most_frequent_terms_are_kept_in_their_order_and_ties_by_position():
    terms = FrequentTerms(min_document_frequency=1, max_features=2)
    assert terms.fit(_matrix([[1, 0, 1, 1], [0, 0, 1, 1]])).kept_.tolist() == [2, 3]
    assert terms.fit(_matrix([[1, 1, 1, 0], [0, 0, 1, 0]])).kept_.tolist() == [0, 2]


@pytest.mark.parametrize(("least", "kept"), [(1, [1]), (2, [1, 2]), (3, [0, 1, 2])])
def test_where_terms_are_few_the_most_frequent_of_the_rare_ones_stay(least, kept):
    terms = FrequentTerms(min_document_frequency=3, min_features=least)
    terms.fit(_matrix([[0, 1, 0], [0, 1, 1]]))
    assert terms.kept_.tolist() == kept
    assert terms.transform(_matrix([[1, 1, 1]])).shape == (1, least)
