"""Replays of a past with a known change: who retrains when, and that nobody sees ahead."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from lakehouse.errors import TidemarkError
from ml_assets.policy_replay.history import History
from ml_assets.policy_replay.plot import policies_plot
from ml_assets.policy_replay.policies import usual_policies
from ml_assets.policy_replay.summary import kappa_temporal, no_change, summarize
from ml_assets.policy_replay.trainer import Trainer
from ml_assets.policy_replay.walk import FIRST, Walk, replay
from ml_assets.spec.document import ModelSpec

BEGIN = datetime(2025, 1, 6, tzinfo=UTC)  # a Monday
DAYS, ROWS_A_DAY = 84, 30
CHANGE = BEGIN + timedelta(days=42)
START = BEGIN + timedelta(days=28)
DELAY = timedelta(days=2)


def spec(**changes) -> ModelSpec:
    document = {
        "name": "simulated",
        "task": "classification",
        "table": "simulated",
        "entity_key": "id",
        "event_time": "at",
        "label": {"column": "label", "classes": ("no", "yes"), "delay_days": DELAY.days},
        "features": {"numeric": ("x", "z")},
        "algorithm": {
            "name": "lightgbm",
            "parameters": {"trees": 15, "leaves": 4, "learning_rate": 0.3},
        },
        "split": {"holdout": 0.25},
        "gate": {"metric": "accuracy", "min_holdout_rows": 50},
        "monitors": {
            "window": "week",
            "min_rows": 100,
            "performance": {"metric": "accuracy", "max_drop": 0.1},
        },
        "retraining": {"on": ("drift", "performance"), "cool_down_days": 10},
    }
    return ModelSpec.model_validate(document | changes)


def past(*, noise: bool = False, shift: float = 3.0) -> pa.Table:
    """Until the change the label is whether x is positive, then whether it is not; z moves too."""
    rng = np.random.default_rng(11)
    n = DAYS * ROWS_A_DAY
    minutes = np.arange(n) * (24 * 60 // ROWS_A_DAY)
    at = [BEGIN + timedelta(minutes=int(minute)) for minute in minutes]
    late = np.asarray([moment >= CHANGE for moment in at])
    x = rng.normal(size=n)
    yes = rng.random(n) < 0.5 if noise else (x > 0) ^ late
    return pa.table(
        {
            "id": [f"row {i}" for i in range(n)],
            "at": pa.array(at, pa.timestamp("us", "UTC")),
            "label": np.where(yes, "yes", "no").tolist(),
            "x": x,
            "z": rng.normal(size=n) + shift * late,
        }
    )


def walk(policy: str, table: pa.Table, *, gate: bool = False) -> Walk:
    chosen = spec()
    policies = usual_policies(chosen, every_days=21)
    trainer = Trainer(chosen, History(chosen, table))
    return replay(policies[policy], trainer, start=START, gate=gate)


@pytest.fixture(scope="module")
def walks() -> dict[str, Walk]:
    """Some policies through the past, without the gate."""
    return {name: walk(name, past()) for name in ("never", "drift", "every 21 days")}


def accuracy(found: Walk, first: datetime, last: datetime) -> float:
    history = History(spec(), past())
    rows = slice(history.position(first), history.position(last))
    output = found.output[rows.start - found.first : rows.stop - found.first]
    return float((output.argmax(axis=1) == history.label[rows]).mean())


def test_a_model_that_is_never_retrained_stays_as_it_was_and_fails_after_the_change(
    walks: dict[str, Walk],
) -> None:
    found = walks["never"]
    assert [training.reason for training in found.trainings] == [FIRST]
    assert accuracy(found, START, CHANGE) > 0.95
    assert accuracy(found, CHANGE + timedelta(days=20), BEGIN + timedelta(days=DAYS)) < 0.05


def test_the_drift_policy_retrains_after_the_change_and_not_before(
    walks: dict[str, Walk],
) -> None:
    found = walks["drift"]
    later = [training.at for training in found.trainings[1:]]
    # Four days of rows make a window that is large enough.
    assert later[0] == CHANGE + timedelta(days=4)
    assert "drift: z PSI" in found.trainings[1].reason
    gaps = [(b - a).days for a, b in pairwise(later)]
    assert all(gap >= 10 for gap in gaps), "the cool-down"
    assert accuracy(found, BEGIN + timedelta(days=DAYS - 7), BEGIN + timedelta(days=DAYS)) > 0.6


def test_without_a_shift_of_features_only_performance_tells_once_labels_are_known() -> None:
    table = past(shift=0.0)
    assert all(t.at > CHANGE for t in walk("drift", table).trainings[1:])
    found = walk("performance", table)
    assert found.trainings[1].at == CHANGE + timedelta(days=4) + DELAY
    assert "accuracy 0.0" in found.trainings[1].reason


def test_a_policy_by_age_trains_at_its_intervals(walks: dict[str, Walk]) -> None:
    found = walks["every 21 days"]
    days = [(training.at - START).days for training in found.trainings]
    assert days == [0, 21, 42]


@pytest.mark.parametrize(("policy", "gate"), [("every 21 days", False), ("spec", True)])
def test_nothing_before_a_day_depends_on_what_comes_from_that_day_on(
    policy: str, gate: bool
) -> None:
    table, day = past(), CHANGE + timedelta(days=13)
    history = History(spec(), table)
    first = history.position(day)
    # Labels, too, that were not known on the day, though their rows are older.
    unknown = history.position(day - DELAY) + 1
    poisoned = {name: table.column(name).to_pylist() for name in table.column_names}
    for row in range(unknown, table.num_rows):
        poisoned["label"][row] = "no" if poisoned["label"][row] == "yes" else "yes"
        if row >= first:
            poisoned["x"][row], poisoned["z"][row] = 1e6, -1e6
    canary = pa.table(poisoned, schema=table.schema)
    clean, other = (walk(policy, rows, gate=gate) for rows in (table, canary))
    scored = first - clean.first
    assert np.array_equal(clean.output[:scored], other.output[:scored])
    assert not np.array_equal(clean.output[scored:], other.output[scored:])

    def until(found: Walk) -> list[tuple]:
        rows = [(t.at, t.version, t.promoted, t.reason) for t in found.trainings]
        return [row for row in rows if row[0] <= day]

    assert until(clean) == until(other)
    assert len(until(clean)) > 1


def test_the_gate_keeps_the_baseline_where_there_is_nothing_to_learn() -> None:
    found = walk("every 21 days", past(noise=True), gate=True)
    assert len(found.trainings) == 3
    assert not any(training.promoted for training in found.trainings)
    assert len(np.unique(found.output[: ROWS_A_DAY * 21], axis=0)) == 1


def test_the_gate_compares_on_rows_that_neither_model_has_seen() -> None:
    chosen = spec()
    trainer = Trainer(chosen, History(chosen, past()))
    old, new = trainer.train(START), trainer.train(START + timedelta(days=7))
    assert trainer.train(START) is old, "a day is trained once"
    seen = trainer._seen_by(old, new)
    assert seen.sum() == len(old.keys)
    assert not trainer._seen_by(None, new).any()


def test_rows_and_labels_are_known_from_their_moment_on() -> None:
    history = History(spec(), past())
    now = BEGIN + timedelta(days=10)
    assert history.position(now) == 10 * ROWS_A_DAY
    # The row of exactly the delay ago has its label, the next one has not.
    assert history.labelled_until(now) == 8 * ROWS_A_DAY + 1
    known = history.known(now, window_days=3)
    assert known.num_rows == ROWS_A_DAY + 1
    at_once = History(spec(label={"column": "label", "classes": ("no", "yes")}), past())
    assert at_once.labelled_until(now) == 10 * ROWS_A_DAY, "the row of this moment is not known"


def test_the_label_of_a_forecast_is_known_its_horizon_later() -> None:
    table = past().append_column("level", pa.array(np.arange(DAYS * ROWS_A_DAY, dtype=float)))
    forecast = spec(
        task="forecast",
        label={"column": "level"},
        forecast={"anchor": "z", "horizon": 5},
        gate={},
        monitors={},
        retraining={"on": ()},
    )
    history = History(forecast, table)
    assert history.labelled_until(BEGIN + timedelta(days=1)) == ROWS_A_DAY - 5
    assert history.labelled_until(BEGIN + timedelta(hours=1)) == 0
    assert (no_change(history, 5).output == 0).all()


def test_a_replay_that_begins_after_the_last_row_says_so() -> None:
    chosen = spec()
    trainer = Trainer(chosen, History(chosen, past()))
    never = usual_policies(chosen, every_days=30)["never"]
    with pytest.raises(TidemarkError, match="no labelled rows from 2026-01-01 on"):
        replay(never, trainer, start=datetime(2026, 1, 1, tzinfo=UTC))


def test_results_show_cost_gain_and_the_naive_beside_them(walks: dict[str, Walk]) -> None:
    chosen = spec()
    history = History(chosen, past())
    shown = [walks["never"], walks["drift"]]
    shown.append(no_change(history, shown[0].first))
    never, drift, naive = summarize(chosen, history, shown)
    assert never.retrainings == 0
    assert never.gain is None
    assert drift.retrainings == drift.promotions == len(shown[1].trainings) - 1
    assert drift.fit_seconds > never.fit_seconds == naive.fit_seconds == 0
    assert drift.gain is not None
    assert drift.gain.low > 0
    assert drift.value.low < drift.value.estimate < drift.value.high
    assert list(never.months) == ["2025-02", "2025-03"]
    # Labels follow each other by chance here: the naive model is right in half of the cases.
    assert naive.value.estimate == pytest.approx(0.5, abs=0.05)
    assert naive.kappa_temporal == 0.0
    share = (never.value.estimate - naive.value.estimate) / (1 - naive.value.estimate)
    assert never.kappa_temporal == pytest.approx(share)
    assert policies_plot([never, drift, naive], shown, title="t").startswith(b"\x89PNG")


def test_kappa_temporal_of_a_label_that_never_changes_is_undefined() -> None:
    table = past().set_column(2, "label", pa.array(["no"] * (DAYS * ROWS_A_DAY)))
    history = History(spec(), table)
    assert kappa_temporal(history, no_change(history, 10)) is None


def test_the_specs_own_policy_is_left_out_where_it_is_one_of_the_others() -> None:
    assert list(usual_policies(spec(), every_days=7)) == [
        *("never", "every 7 days", "drift", "performance", "spec")
    ]
    alone = spec(retraining={"on": ("drift",)})
    assert "spec" not in usual_policies(alone, every_days=7)
