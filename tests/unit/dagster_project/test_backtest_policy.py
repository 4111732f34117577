"""`tidemark backtest-policy` on a history of forty days."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from dagster_project.cli import backtest_policy as command
from lakehouse.errors import TidemarkError
from ml_assets.policy_replay.history import History
from ml_assets.policy_replay.summary import NO_CHANGE
from ml_assets.spec.document import ModelSpec

BEGIN = datetime(2025, 3, 1, tzinfo=UTC)
ROWS = 400
USUAL = {"every": 15, "window_days": None, "without_gate": True, "plot": None, "json": False}


@pytest.fixture
def tables(monkeypatch):
    """A platform with one model and its history; what the command prints."""
    spec = ModelSpec.model_validate(
        {
            "name": "simulated",
            "task": "classification",
            "table": "simulated",
            "entity_key": "id",
            "event_time": "at",
            "label": {"column": "label", "classes": ("no", "yes")},
            "features": {"numeric": ("x",)},
            "algorithm": {"name": "lightgbm", "parameters": {"trees": 3}},
            "gate": {"metric": "accuracy"},
        }
    )
    x = np.random.default_rng(3).normal(size=ROWS)
    history = pa.table(
        {
            "id": list(range(ROWS)),
            "at": [BEGIN + timedelta(days=40 * row / ROWS) for row in range(ROWS)],
            "label": np.where(x > 0, "yes", "no").tolist(),
            "x": x,
        }
    )
    printed = []
    platform = SimpleNamespace(good_specs={"simulated": spec}, lake=lambda: None)
    monkeypatch.setattr(command, "load_platform", lambda: platform)
    monkeypatch.setattr(command, "history_of", lambda _lake, spec: History(spec, history))
    monkeypatch.setattr(command, "print_table", lambda *arguments: printed.append(arguments))
    return printed


def test_the_table_has_each_policy_and_the_naive_last(tables, tmp_path):
    plot = tmp_path / "policies.png"
    options = USUAL | {"plot": plot, "policy": ["every 15 days"]}
    command.backtest_policy("simulated", start=None, **options)
    (title, _, rows), (_, months, _) = tables
    assert title.startswith("simulated: 290 rows from 2025-03-12 on")
    assert [row[:2] for row in rows] == [("never", 0), ("every 15 days", 1), (NO_CHANGE, None)]
    assert months == ["month", "never", "every 15 days", NO_CHANGE]
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_json_names_every_training(tables, capsys):
    start = datetime(2025, 3, 21)  # noqa: DTZ001 - as typer gives it
    command.backtest_policy("simulated", start=start, policy=["never"], **USUAL | {"json": True})
    found = json.loads(capsys.readouterr().out)
    assert found["from"] == "2025-03-21T00:00:00+00:00"
    never, naive = found["policies"]
    assert [training["at"] for training in never["trainings"]] == ["2025-03-21T00:00:00+00:00"]
    assert never["value"]["estimate"] > 0.9
    assert (naive["policy"], naive["trainings"]) == (NO_CHANGE, [])
    assert tables == []


@pytest.mark.parametrize(
    ("model", "policy", "message"),
    [
        ("simulatd", None, "no model 'simulatd'"),
        ("simulated", ["dirft"], "no policy 'dirft'"),
    ],
)
def test_unknown_names_are_told(tables, model, policy, message):
    with pytest.raises(TidemarkError, match=message):
        command.backtest_policy(model, start=None, policy=policy, **USUAL)
