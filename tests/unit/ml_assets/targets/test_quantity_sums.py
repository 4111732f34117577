"""Metrics of numbers against scikit-learn, and of forecasts against cases worked by hand."""

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from lakehouse.errors import TidemarkError
from ml_assets.metrics import metrics_of
from ml_assets.targets.quantities import QuantityTarget
from ml_assets.targets.quantity_sums import SUM_COLUMNS
from ml_assets.targets.target import metric_values

NUMBER, FORECAST = QuantityTarget(), QuantityTarget(horizon=5)


def _rows(n, *, seed=1):
    random = np.random.default_rng(seed)
    label = random.normal(3.0, 2.0, n)
    point = label + random.normal(0.0, 0.7, n)
    return label, np.column_stack([point, point - 1.0, point + 1.5])


def _with_interval(point):
    point = np.asarray(point, np.float64)
    return np.column_stack([point, point - 1.0, point + 1.0])


def test_errors_and_r_squared_are_those_of_scikit_learn():
    label, output = _rows(200)
    found = metric_values(NUMBER, label, output)
    assert found["mean_absolute_error"] == pytest.approx(mean_absolute_error(label, output[:, 0]))
    assert found["root_mean_squared_error"] == pytest.approx(
        root_mean_squared_error(label, output[:, 0])
    )
    assert found["r_squared"] == pytest.approx(r2_score(label, output[:, 0]))
    inside = (output[:, 1] <= label) & (label <= output[:, 2])
    assert found["interval_coverage"] == pytest.approx(inside.mean())
    assert found["interval_width"] == pytest.approx(2.5)


@pytest.mark.parametrize("target", [NUMBER, FORECAST])
def test_the_metrics_are_those_of_the_task(target):
    assert set(metric_values(target, *_rows(20))) == set(metrics_of(target.task))


def test_a_forecast_worked_by_hand():
    label = np.array([1.0, -2.0, 0.0, 2.0])
    found = metric_values(FORECAST, label, _with_interval([0.5, 1.0, 0.0, 0.0]))
    # Errors -0.5, 3, 0, -2; of three moves one is right, one is wrong, one was not called.
    assert found["mean_absolute_error"] == pytest.approx(5.5 / 4)
    assert found["theils_u"] == pytest.approx(np.sqrt((0.25 + 9 + 4) / (1 + 4 + 4)))
    assert found["direction_accuracy"] == pytest.approx(1.5 / 3)
    assert found["interval_coverage"] == pytest.approx(2 / 4)


def test_the_random_walk_has_theils_u_one_and_calls_no_direction():
    label = np.random.default_rng(3).normal(size=50)
    found = metric_values(FORECAST, label, _with_interval(np.zeros(50)))
    assert (found["theils_u"], found["direction_accuracy"]) == (1.0, 0.5)


def test_labels_that_never_change_leave_ratios_undefined():
    still = np.zeros(5)
    assert np.isnan(metric_values(FORECAST, still, _with_interval(still))["theils_u"])
    assert np.isnan(metric_values(NUMBER, still + 0.1, _with_interval(still))["r_squared"])


def test_sums_of_units_add_up_and_weights_count_rows_again():
    label, output = _rows(60)
    unit = np.arange(60) % 7
    parts = NUMBER.sums(label, output, unit=unit)
    assert parts.shape == (7, SUM_COLUMNS)
    np.testing.assert_allclose(parts.sum(axis=0), NUMBER.sums(label, output)[0])
    times = np.arange(60) % 3
    twice = np.repeat(np.arange(60), times)
    np.testing.assert_allclose(
        NUMBER.sums(label, output, weights=times.astype(float)),
        NUMBER.sums(label[twice], output[twice]),
    )


@pytest.mark.parametrize(
    ("label", "output", "told"),
    [
        (np.zeros(0), np.zeros((0, 3)), "no rows"),
        (np.zeros(2), np.zeros((2, 2)), r"\(2, 2\)"),
        (np.zeros(2), np.zeros((3, 3)), "2 labels for 3"),
        (np.array([np.nan]), np.zeros((1, 3)), "missing or infinite"),
        (np.zeros(1), np.array([[0.0, 1.0, -1.0]]), "end before they begin"),
    ],
)
def test_what_has_no_metrics_is_refused(label, output, told):
    with pytest.raises(TidemarkError, match=told):
        NUMBER.sums(label, output)
