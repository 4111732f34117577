"""Forecasts are compared by the Diebold-Mariano test, all else by resampling."""

import numpy as np
import pytest

from ml_assets.bootstrap import paired_difference
from ml_assets.comparison import compare, paired_test
from ml_assets.metrics import metrics_of
from ml_assets.significance import diebold_mariano
from ml_assets.targets.quantities import QuantityTarget
from ml_assets.targets.target import metric_values

FORECAST = QuantityTarget(horizon=3)


def _output(point):
    return np.column_stack([point, point - 1.0, point + 1.0])


def _models(n=300, seed=5):
    random = np.random.default_rng(seed)
    label = random.normal(size=n)
    return label, _output(0.6 * label), _output(random.normal(0.0, 0.1, n))


def _compare(label, a, b, metric, target=FORECAST):
    return compare(
        target, label, a, b, metric=metric, groups=None, seed=1, confidence=0.95
    )  # fmt: skip


@pytest.mark.parametrize(
    "metric", [name for name, info in metrics_of("forecast").items() if info.direction != "none"]
)
def test_the_estimate_is_the_difference_of_the_metric(metric):
    label, a, b = _models()
    found = _compare(label, a, b, metric)
    first, second = (metric_values(FORECAST, label, output)[metric] for output in (a, b))
    better = first - second if metric == "direction_accuracy" else second - first
    assert found.estimate == pytest.approx(better)
    assert found.low < found.estimate < found.high
    assert found.probability_better > 0.99
    swapped = _compare(label, b, a, metric)
    assert swapped.estimate == pytest.approx(-found.estimate)
    assert swapped.probability_better == pytest.approx(1 - found.probability_better)


def test_a_forecast_against_itself_gains_nothing():
    label, a, _ = _models()
    found = _compare(label, a, a.copy(), "mean_absolute_error")
    assert (found.estimate, found.low, found.high, found.probability_better) == (0, 0, 0, 0.5)


def test_the_absolute_errors_interval_is_that_of_the_test():
    label, a, b = _models()
    found = _compare(label, a, b, "mean_absolute_error")
    losses = [np.abs(output[:, 0] - label) for output in (b, a)]
    expected = diebold_mariano(*losses, horizon=3, confidence=0.95)
    assert (found.low, found.high) == (expected.low, expected.high)


def test_numbers_that_are_no_forecasts_are_resampled():
    label, a, b = _models()
    number = QuantityTarget()
    found = _compare(label, a, b, "mean_absolute_error", number)
    assert found == paired_difference(
        label, a, b, metric="mean_absolute_error", target=number, groups=None, seed=1
    )
    assert paired_test(number, label, a, b, metric="mean_absolute_error").name == "Diebold-Mariano"
