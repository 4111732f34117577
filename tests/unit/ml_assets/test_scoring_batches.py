"""Scoring streams: whatever the algorithm, batches give what the whole table gives."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ml_assets import scoring
from ml_assets.bundle import save_bundle
from ml_assets.spec.document import ModelSpec
from ml_assets.task_engine import Task
from ml_assets.training import fit

ROWS = 100
TABLE = pa.table(
    {
        "id": [f"r{i}" for i in range(ROWS)],
        "at": [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=i) for i in range(ROWS)],
        "last": [100.0] * ROWS,
        "kind": [None if i % 9 == 0 else ("a", "b")[i % 2] for i in range(ROWS)],
        "x": pa.array([None if i % 7 == 0 else float(i % 20) for i in range(ROWS)]),
    }
)
_FEW = {"trees": 3, "min_rows_per_leaf": 5}


@pytest.mark.parametrize(
    ("task", "algorithm"),
    [
        ("ordinal", {"name": "ordinal"}),
        ("classification", {"name": "linear"}),
        ("classification", {"name": "hist_gradient_boosting", "parameters": _FEW}),
        ("classification", {"name": "estimator", "class": "sklearn.naive_bayes.GaussianNB"}),
        ("regression", {"name": "linear"}),
        ("forecast", {"name": "quantile", "parameters": _FEW}),
        ("forecast", {"name": "estimator", "class": "sklearn.linear_model.HuberRegressor"}),
    ],
    ids=lambda one: one if isinstance(one, str) else one["name"],
)
def test_batches_give_what_the_whole_table_gives(task, algorithm, tmp_path, monkeypatch):
    of_classes = task in ("classification", "ordinal")
    forecast = {"anchor": "last", "horizon": 1} if task == "forecast" else None
    spec = ModelSpec.model_validate(
        {
            "name": "m",
            "task": task,
            "table": "features",
            "entity_key": "id",
            "event_time": "at",
            "label": {"column": "y", "classes": [1, 2] if of_classes else []},
            "features": {"categorical": ["kind"], "numeric": ["x"]},
            "algorithm": algorithm,
            "forecast": forecast,
            "split": {"holdout": 0.25, "folds": 0 if of_classes else 2},
        }
    )
    label = np.arange(ROWS) % 20 >= 10
    label = label.astype(np.int64) if of_classes else label + np.arange(ROWS) / ROWS
    model = fit(spec, TABLE, label, np.arange(ROWS)).model
    bundle_hash = save_bundle(model, tmp_path / "bundle", reference={})
    pq.write_table(TABLE, tmp_path / "in.parquet")
    parameters = {
        "bundle": str(tmp_path / "bundle"), "bundle_hash": bundle_hash, "entity_key": "id",
        "anchor": "last" if forecast else None, "model_version": 2, "training_set_hash": "t",
        "features_version": "f", "snapshot_id": 1, "scored_at": "2026-06-01T00:00:00+00:00",
        "run_id": "r",
    }  # fmt: skip
    monkeypatch.setattr(scoring, "BATCH_ROWS", 33)
    task_of = Task("0", (str(tmp_path / "in.parquet"),), parameters, str(tmp_path / "out"))
    scored = pq.read_table(scoring.score_task(task_of).files[0])
    assert scored.column("entity_key").to_pylist() == TABLE.column("id").to_pylist()
    output = model.output(TABLE)
    if of_classes:
        found = np.array(scored.column("probabilities").to_pylist())
    else:
        names = ("prediction_value", "interval_low", "interval_high")
        found = np.column_stack([scored.column(name).to_numpy() for name in names])
        found -= 100.0 if forecast else 0.0
    np.testing.assert_allclose(found, output, atol=1e-9)
