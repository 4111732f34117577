import math
import typing

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    cohen_kappa_score,
    confusion_matrix,
    f1_score,
    log_loss,
    mean_absolute_error,
    precision_recall_fscore_support,
)

from lakehouse.errors import TidemarkError
from ml_assets.metrics import (
    METRICS,
    MetricName,
    classification_metrics,
    metric_direction,
    metric_info,
    metrics_of,
)

STARS = [1, 2, 3, 4, 5]


def _rows(n, k, seed):
    random = np.random.default_rng(seed)
    label = random.integers(0, k, n)
    scores = random.normal(size=(n, k))
    scores[np.arange(n), label] += 1.0
    odds = np.exp(scores)
    return label, odds / odds.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("n", "k"), [(400, 5), (60, 2), (9, 3), (2000, 12)])
def test_all_metrics_equal_those_of_scikit_learn(n, k, weighted):
    label, probabilities = _rows(n, k, seed=n)
    weights = np.random.default_rng(1).uniform(0.1, 3.0, n) if weighted else None
    classes = [10 * place + 3 for place in range(k)]

    found = classification_metrics(
        label, probabilities, classes=classes, ordinal=True, weights=weights
    )

    predicted = probabilities.argmax(axis=1)
    values = np.array(classes)
    places = range(k)
    assert found.rows == n
    assert found.accuracy == pytest.approx(accuracy_score(label, predicted, sample_weight=weights))
    assert found.macro_f1 == pytest.approx(
        f1_score(label, predicted, average="macro", sample_weight=weights, zero_division=0)
    )
    assert found.log_loss == pytest.approx(
        log_loss(label, probabilities, labels=places, sample_weight=weights)
    )
    assert found.mean_absolute_error == pytest.approx(
        mean_absolute_error(values[label], values[predicted], sample_weight=weights)
    )
    assert found.quadratic_weighted_kappa == pytest.approx(
        cohen_kappa_score(
            label, predicted, labels=places, weights="quadratic", sample_weight=weights
        )
    )
    assert found.confusion == pytest.approx(
        confusion_matrix(label, predicted, labels=places, sample_weight=weights)
    )
    by_class = np.array(
        [[row.precision, row.recall, row.f1, row.support] for row in found.per_class]
    )
    reference = precision_recall_fscore_support(
        label, predicted, labels=places, sample_weight=weights, zero_division=0
    )
    assert by_class == pytest.approx(np.array(reference).T)
    assert [row.name for row in found.per_class] == classes


def test_a_class_never_predicted_counts_as_zero():
    label = np.array([0, 0, 1])
    found = classification_metrics(
        label, np.tile([0.9, 0.1], (3, 1)), classes=["bad", "good"], ordinal=False
    )

    assert found.macro_f1 == pytest.approx(f1_score(label, [0, 0, 0], average="macro"))
    assert found.per_class[1].precision == 0.0
    assert found.per_class[1].f1 == 0.0


def test_a_class_that_neither_is_nor_is_predicted_is_left_out_of_macro_f1():
    label = np.array([0, 0, 2])
    probabilities = np.array([[0.9, 0.0, 0.1], [0.2, 0.1, 0.7], [0.1, 0.1, 0.8]])

    found = classification_metrics(label, probabilities, classes=["a", "b", "c"], ordinal=False)

    assert found.macro_f1 == pytest.approx(f1_score(label, [0, 2, 2], average="macro"))
    assert found.per_class[1].support == 0.0


def test_one_row():
    found = classification_metrics(
        np.array([4]), np.array([[0.1, 0.1, 0.1, 0.3, 0.4]]), classes=STARS, ordinal=True
    )

    assert (found.accuracy, found.macro_f1, found.mean_absolute_error) == (1.0, 1.0, 0.0)
    assert found.log_loss == pytest.approx(-math.log(0.4))
    assert found.expected_calibration_error == pytest.approx(0.6)
    assert found.quadratic_weighted_kappa == 0.0


def test_kappa_is_zero_where_chance_agrees_fully_also_with_uneven_weights():
    found = classification_metrics(
        np.array([1, 1, 1]),
        np.tile([0.1, 0.8, 0.1], (3, 1)),
        classes=["a", "b", "c"],
        ordinal=True,
        weights=np.array([0.1, 0.2, 0.7]),
    )

    assert found.quadratic_weighted_kappa == 0.0


def test_a_certain_mistake_has_a_finite_log_loss():
    found = classification_metrics(
        np.array([1, 0]), np.array([[1.0, 0.0], [1.0, 0.0]]), classes=["a", "b"], ordinal=False
    )

    eps = np.finfo(np.float64).eps
    assert found.log_loss == pytest.approx(-math.log(eps) / 2)


def test_named_classes_have_errors_in_places():
    probabilities = np.array([[0.0, 0.2, 0.8], [0.6, 0.2, 0.2]])

    found = classification_metrics(
        np.array([0, 0]), probabilities, classes=["bad", "fair", "good"], ordinal=True
    )

    assert found.mean_absolute_error == 1.0


def test_classes_without_an_order_have_no_ordinal_metrics():
    label, probabilities = _rows(20, 3, seed=2)

    found = classification_metrics(label, probabilities, classes=["a", "b", "c"], ordinal=False)

    assert found.mean_absolute_error is None
    assert found.quadratic_weighted_kappa is None
    assert set(found.values()) == set(metrics_of("classification"))


def test_the_first_of_equal_probabilities_is_predicted():
    found = classification_metrics(
        np.array([0]), np.array([[0.5, 0.5]]), classes=["a", "b"], ordinal=False
    )

    assert found.accuracy == 1.0


def test_32_bit_probabilities_give_the_same_metrics():
    label, probabilities = _rows(100, 5, seed=3)

    found, single = (
        classification_metrics(label, values, classes=STARS, ordinal=True).values()
        for values in (probabilities, probabilities.astype(np.float32))
    )

    assert single == pytest.approx(found, rel=1e-5)


@pytest.mark.parametrize("unit", [1e-9, 1e6])
def test_the_unit_of_the_weights_does_not_matter(unit):
    label, probabilities = _rows(40, 5, seed=4)
    weights = np.random.default_rng(5).uniform(0.1, 1.0, 40)

    found, scaled = (
        classification_metrics(
            label, probabilities, classes=STARS, ordinal=True, weights=factor * weights
        ).values()
        for factor in (1.0, unit)
    )

    assert scaled == pytest.approx(found)


def test_no_rows_are_refused():
    with pytest.raises(TidemarkError, match="no rows"):
        classification_metrics(np.array([], int), np.empty((0, 5)), classes=STARS, ordinal=True)


@given(st.integers(1, 60), st.integers(2, 5), st.integers(0, 10_000))
def test_metrics_stay_in_their_ranges(n, k, seed):
    label, probabilities = _rows(n, k, seed)

    found = classification_metrics(label, probabilities, classes=range(k), ordinal=True)

    for name in ("accuracy", "macro_f1", "expected_calibration_error"):
        assert 0.0 <= getattr(found, name) <= 1.0
    assert 0.0 <= found.mean_absolute_error <= k - 1
    assert -1.0 - 1e-9 <= found.quadratic_weighted_kappa <= 1.0 + 1e-9
    assert found.confusion.sum() == n


def test_every_metric_has_a_direction_and_the_names_are_the_type():
    assert typing.get_args(MetricName) == tuple(METRICS)
    assert {name for name in METRICS if metric_direction(name) == "lower"} == {
        "log_loss",
        "expected_calibration_error",
        "mean_absolute_error",
        "root_mean_squared_error",
        "theils_u",
    }


def test_an_unknown_metric_is_refused_with_the_nearest_name():
    with pytest.raises(TidemarkError, match="Did you mean 'macro_f1'"):
        metric_direction("macro_f")
    with pytest.raises(TidemarkError, match="Choose one of these"):
        metric_direction("zzz")


@pytest.mark.parametrize("name", ["mean_absolute_error", "quadratic_weighted_kappa"])
def test_an_ordinal_metric_is_refused_for_classes_without_an_order(name):
    assert metric_info(name, task="ordinal") == METRICS[name]
    with pytest.raises(TidemarkError, match="not defined for classification"):
        metric_info(name, task="classification")
