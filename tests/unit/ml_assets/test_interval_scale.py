"""Intervals in units of a column: wide where it is large, and never without a unit."""

import numpy as np
import pyarrow as pa
import pytest

from lakehouse.errors import TidemarkError
from ml_assets.bundle import load_bundle, save_bundle
from ml_assets.interval_scale import IntervalScale, interval_scale
from ml_assets.mlflow_flavor import _load_pyfunc
from ml_assets.spec.document import ModelSpec
from ml_assets.targets.quantities import QuantityTarget
from ml_assets.targets.target import metric_values
from ml_assets.training import fit, fit_baseline

SPEC = ModelSpec.model_validate(
    {
        "name": "rate",
        "task": "forecast",
        "table": "rates",
        "entity_key": "day",
        "event_time": "at",
        "label": {"column": "next"},
        "forecast": {"anchor": "now", "horizon": 1},
        "intervals": {"coverage": 0.8, "scale": "usual"},
        "features": {"numeric": ["past"]},
        "algorithm": {"name": "lightgbm", "parameters": {"trees": 5}},
        "split": {"folds": 4},
    }
)


def _table(n, *, seed=3):
    """A series whose moves grow tenfold half way, and their usual size with them."""
    random = np.random.default_rng(seed)
    usual = np.where(np.arange(n) < n // 2, 1.0, 10.0)
    table = pa.table(
        {
            "at": pa.array(
                np.datetime64("2020-01-01", "us") + np.arange(n) * np.timedelta64(1, "D")
            ),
            "past": random.normal(size=n),
            "usual": usual,
        }
    )
    return table, usual * random.normal(size=n)


def test_a_row_without_a_unit_has_the_usual_one():
    scale = IntervalScale("usual", 2.0)
    values = pa.table({"usual": [4.0, None, 0.0, -1.0, float("nan"), float("inf")]})
    assert scale.of(values).tolist() == [4.0, 2.0, 2.0, 2.0, 2.0, 2.0]


def test_only_the_interval_is_widened():
    output = np.array([[5.0, 4.0, 7.0], [0.0, -1.0, 2.0]])
    table = pa.table({"usual": [10.0, 1.0]})
    widened = IntervalScale("usual", 1.0).widened(output, table)
    assert widened.tolist() == [[5.0, -5.0, 25.0], [0.0, -1.0, 2.0]]


def test_a_column_without_any_number_above_zero_is_refused():
    with pytest.raises(TidemarkError, match="none of 2 training rows"):
        interval_scale(SPEC, pa.table({"usual": [0.0, None]}))


@pytest.mark.parametrize("model", ["algorithm", "baseline"])
def test_intervals_hold_what_they_promise_when_moves_have_grown(model):
    train, label = _table(1200)
    new, later = _table(800, seed=4)
    if model == "baseline":
        fitted = fit_baseline(SPEC, train, label)
    else:
        fitted = fit(SPEC, train, label, np.arange(1200)).model
    for half in (slice(0, 400), slice(400, 800)):
        rows = np.arange(800)[half]
        found = metric_values(
            QuantityTarget(1), later[half], fitted.output(new.take(pa.array(rows)))
        )
        # Of one width they would hold nearly all of the first half and six in ten of the second.
        assert 0.7 <= found["interval_coverage"] <= 0.9


def test_a_bundle_keeps_the_unit(tmp_path):
    table, label = _table(300)
    model = fit(SPEC, table, label, np.arange(300)).model
    bundle_hash = save_bundle(model, tmp_path, reference={})
    loaded = load_bundle(tmp_path, expected_hash=bundle_hash).model
    assert loaded.interval_scale == model.interval_scale == IntervalScale("usual", 5.5)
    np.testing.assert_allclose(loaded.output(table), model.output(table), rtol=0, atol=1e-12)
    served = _load_pyfunc(str(tmp_path)).predict(table.to_pandas())
    np.testing.assert_allclose(served.to_numpy(), model.output(table), rtol=0, atol=1e-12)


def test_backtests_tell_when_they_tested_and_what_the_baseline_showed():
    table, label = _table(500)
    found = fit(SPEC, table, label, np.arange(500)).cross_validation
    assert [fold.train_rows for fold in found.folds] == [99, 199, 299, 399]
    assert [fold.test_rows for fold in found.folds] == [100] * 4
    assert all(fold.baseline["theils_u"] == 1.0 for fold in found.folds)
    assert "interval_coverage" not in found.folds[0].metrics
    first, last = found.folds[0].times
    assert f"{first:%Y-%m-%d} {last:%Y-%m-%d}" == "2020-04-10 2020-07-18"
    assert found.values == tuple(found.by_metric()["mean_absolute_error"])
