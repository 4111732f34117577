"""All algorithms for numbers: the libraries' own figures, hard rows, intervals that hold."""

import numpy as np
import pyarrow as pa
import pytest

from lakehouse.errors import TidemarkError
from ml_assets.spec.document import ModelSpec
from ml_assets.training import fit

ROWS = 120
_SMALL = {"trees": 5, "leaves": 7, "min_rows_per_leaf": 5, "text_components": 2}
ALGORITHMS = [
    {"name": "linear"},
    {"name": "lightgbm", "parameters": _SMALL},
    {"name": "hist_gradient_boosting", "parameters": _SMALL},
    {"name": "quantile", "parameters": _SMALL},
    {
        "name": "estimator",
        "class": "sklearn.tree.DecisionTreeRegressor",
        "preprocessing": {"text_components": 2},
    },
]
_FEATURES = {"text": ["text"], "categorical": ["language"], "numeric": ["words", "price"]}


def _spec(algorithm, *, features=_FEATURES, **sections) -> ModelSpec:
    data = {
        "name": "costs",
        "task": "regression",
        "table": "features",
        "entity_key": "id",
        "event_time": "at",
        "label": {"column": "cost"},
        "features": features,
        "algorithm": algorithm,
        "split": {"holdout": 0.25, "folds": 2},
    }
    return ModelSpec.model_validate(data | sections)


def _fit(algorithm, table, label, **options):
    return fit(_spec(algorithm, **options), table, label, np.arange(len(label)))


@pytest.fixture(scope="module")
def rows():
    """Features with some of each missing, and numbers that depend on them."""
    rng = np.random.default_rng(3)
    words = rng.integers(1, 50, ROWS)
    table = pa.table(
        {
            "text": [
                None if i % 40 == 0 else ("lovely", "awful broken")[i % 2] for i in range(ROWS)
            ],
            "language": [None if i % 17 == 0 else ("en", "es")[i % 2] for i in range(ROWS)],
            "words": pa.array(words, pa.int32()),
            "price": pa.array([None if i % 11 == 0 else float(i) for i in range(ROWS)]),
        }
    )
    return table, words + 10.0 * (np.arange(ROWS) % 2) + rng.normal(size=ROWS)


def _check(output, rows: int) -> None:
    assert output.shape == (rows, 3)
    assert np.isfinite(output).all()
    point, low, high = output.T
    assert (low <= point).all()
    assert (point <= high).all()


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda one: one["name"])
def test_rows_missing_unseen_and_alone_get_a_number_in_an_interval(rows, algorithm):
    table, label = rows
    fitted = _fit(algorithm, table, label)
    model = fitted.model
    output = model.output(table)
    _check(output, ROWS)
    assert np.abs(output[:, 0] - label).mean() < np.abs(label - np.median(label)).mean()
    np.testing.assert_allclose(model.output(table.slice(7, 1))[0], output[7], atol=1e-9)
    _check(model.output(table.slice(0, 0)), 0)
    new = pa.table(
        {
            "text": pa.array([None, "never seen"]),
            "language": pa.array(["fi", None]).dictionary_encode(),
            "words": pa.array([None, 10**9], pa.int64()),
            "price": pa.array([None, "1.5"]).cast(pa.decimal128(5, 2)),
        }
    )
    _check(model.output(new), 2)
    assert model.coverage == 0.9
    assert len(fitted.cross_validation.values) == 2
    np.testing.assert_array_equal(_fit(algorithm, table, label).model.output(table), output)


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda one: one["name"])
def test_columns_that_are_constant_or_empty_can_be_trained_on(rows, algorithm):
    _, label = rows
    empty = pa.table(
        {
            "language": ["en"] * ROWS,
            "words": pa.nulls(ROWS, pa.int32()),
            "price": pa.array([1.0] * ROWS),
        }
    )
    features = {"categorical": ["language"], "numeric": ["words", "price"]}
    output = _fit(algorithm, empty, label, features=features).model.output(empty)
    _check(output, ROWS)
    assert np.ptp(output[:, 0]) == pytest.approx(0, abs=1e-9)
    # What was always missing in training may come one day.
    known = empty.set_column(1, "words", pa.array([5] * ROWS, pa.int32()))
    _check(_fit(algorithm, empty, label, features=features).model.output(known), ROWS)


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda one: one["name"])
def test_a_handful_of_rows_gives_narrow_coverage_or_an_error_that_says_why(rows, algorithm):
    table, label = rows
    few, known = table.slice(0, 8), label[:8]
    features = {"categorical": ["language"], "numeric": ["words", "price"]}
    options = {"features": features, "intervals": {"coverage": 0.5}}
    _check(_fit(algorithm, few, known, **options).model.output(few), 8)
    with pytest.raises(TidemarkError, match="too few for intervals that hold 90%"):
        _fit(algorithm, few, known, features=features)


def _numbers(n: int = 150):
    rng = np.random.default_rng(5)
    features = rng.normal(size=(n, 2))
    label = features @ [2.0, -1.0] + rng.normal(size=n)
    return features, label, pa.table({"a": features[:, 0], "b": features[:, 1]})


_PLAIN = {"features": {"numeric": ["a", "b"]}}


def test_the_linear_model_is_the_ridge_regression_of_scaled_numbers():
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import StandardScaler

    features, label, table = _numbers()
    algorithm = {"name": "linear", "parameters": {"regularization": 0.2}}
    ours = _fit(algorithm, table, label, **_PLAIN).model.output(table)[:, 0]
    scaled = StandardScaler().fit_transform(features)
    theirs = Ridge(alpha=5.0).fit(scaled, label).predict(scaled)
    np.testing.assert_allclose(ours, theirs, atol=1e-9)


def test_a_missing_number_is_the_median_and_a_flag_to_the_linear_model():
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import StandardScaler

    features, label, _ = _numbers()
    gaps = np.arange(len(label)) % 5 == 0
    with_gaps = features.copy()
    with_gaps[gaps, 0] = np.nan
    table = pa.table({"a": pa.array(with_gaps[:, 0], from_pandas=True), "b": features[:, 1]})
    ours = _fit({"name": "linear"}, table, label, **_PLAIN).model.output(table)[:, 0]
    filled = np.where(np.isnan(with_gaps), np.nanmedian(with_gaps, axis=0), with_gaps)
    scaled = StandardScaler().fit_transform(np.column_stack([filled, gaps]))
    theirs = Ridge(alpha=1.0).fit(scaled, label).predict(scaled)
    np.testing.assert_allclose(ours, theirs, atol=1e-9)


def test_the_linear_model_of_classes_is_scikit_learn_s_logistic_regression():
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    features, label, table = _numbers()
    classes = (label > 0).astype(np.int64) + (label > 2)
    spec = _spec(
        {"name": "linear", "parameters": {"regularization": 0.5}},
        task="classification",
        label={"column": "cost", "classes": ["low", "middle", "high"]},
        **_PLAIN,
    )
    ours = fit(spec, table, classes, np.arange(len(label))).model.output(table)
    scaled = StandardScaler().fit_transform(features)
    theirs = LogisticRegression(C=0.5, tol=1e-3, max_iter=300).fit(scaled, classes)
    np.testing.assert_allclose(ours, theirs.predict_proba(scaled), atol=1e-9)


def test_histogram_boosting_is_scikit_learn_s_with_the_categories_as_sets():
    from sklearn.ensemble import HistGradientBoostingRegressor

    features, label, table = _numbers()
    codes = np.arange(len(label)) % 3
    label = label + 5.0 * (codes == 1)
    table = table.append_column("kind", pa.array([("x", "y", "z")[code] for code in codes]))
    columns = {"categorical": ["kind"], "numeric": ["a", "b"]}
    algorithm = {"name": "hist_gradient_boosting", "parameters": _SMALL}
    ours = _fit(algorithm, table, label, features=columns).model.output(table)[:, 0]
    matrix = np.column_stack([codes, features])
    theirs = HistGradientBoostingRegressor(
        learning_rate=0.05, max_iter=5, max_leaf_nodes=7, min_samples_leaf=5,
        categorical_features=[0], early_stopping=False,
    ).fit(matrix, label)  # fmt: skip
    np.testing.assert_allclose(ours, theirs.predict(matrix), atol=1e-12)


@pytest.mark.parametrize(("column", "share"), [(0, 0.5), (1, 0.1), (2, 0.9)])
def test_quantiles_are_lightgbm_s_before_they_are_calibrated(column, share):
    import lightgbm

    from ml_assets.training import _fitted

    features, label, table = _numbers()
    algorithm = {"name": "quantile", "parameters": _SMALL}
    spec = _spec(algorithm, intervals={"coverage": 0.8}, **_PLAIN)
    model, _ = _fitted(spec, table, label)
    theirs = lightgbm.train(
        {
            "objective": "quantile", "alpha": share, "num_leaves": 7, "learning_rate": 0.05,
            "min_data_in_leaf": 5, "deterministic": True, "force_row_wise": True, "seed": 7,
            "verbose": -1,
        },
        lightgbm.Dataset(features, label),
        num_boost_round=5,
    )  # fmt: skip
    parts = (model.predictor.median, model.predictor.lower, model.predictor.upper)
    np.testing.assert_allclose(parts[column].predict(features), theirs.predict(features))


def test_intervals_of_quantiles_hold_their_share_and_follow_the_noise():
    rng = np.random.default_rng(9)
    x = rng.uniform(0, 4, 2400)
    label = x + rng.normal(size=len(x)) * (0.2 + x)
    table = pa.table({"x": x})
    train, test = slice(0, 1200), slice(1200, None)
    features = {"features": {"numeric": ["x"]}, "intervals": {"coverage": 0.8}}
    parameters = {"trees": 40, "leaves": 7, "min_rows_per_leaf": 30, "learning_rate": 0.15}
    held, widths = {}, {}
    for name in ("quantile", "lightgbm"):
        algorithm = {"name": name, "parameters": parameters}
        model = _fit(algorithm, table.slice(0, 1200), label[train], **features).model
        _, low, high = model.output(table.slice(1200)).T
        inside = (low <= label[test]) & (label[test] <= high)
        calm = x[test] < 1
        held[name] = (inside.mean(), inside[calm].mean(), inside[x[test] > 3].mean())
        widths[name] = (high - low)[calm].mean() / (high - low)[x[test] > 3].mean()
    # Three standard errors of a share of 0.8 in 1,200 rows are 0.035.
    assert held["quantile"][0] == pytest.approx(0.8, abs=0.035)
    assert held["lightgbm"][0] == pytest.approx(0.8, abs=0.035)
    # One width for all rows holds too many calm labels and too few of the others.
    apart = {name: calm_share - other for name, (_, calm_share, other) in held.items()}
    assert apart["lightgbm"] > 0.4
    assert apart["quantile"] < 0.2
    assert widths["lightgbm"] == pytest.approx(1)
    assert widths["quantile"] < 0.4
