"""The electricity mart: point-in-time features, whatever order files come in."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from threadpoolctl import threadpool_limits

from dagster_project.settings import PROJECT_ROOT
from lakehouse.connection import Lake
from lakehouse.landing.raw_table import ensure_raw_table
from lakehouse.sources import load_sources
from ml_assets.policy_replay.history import history_of
from ml_assets.policy_replay.policies import usual_policies
from ml_assets.policy_replay.summary import summarize
from ml_assets.policy_replay.trainer import Trainer
from ml_assets.policy_replay.walk import replay
from ml_assets.spec.document import ModelSpec
from ml_assets.spec.loading import load_specs

pytestmark = pytest.mark.integration

PART = ("--select", "+electricity_features", "+int_electricity_quarantined")
FIRST = datetime(2020, 1, 6)  # noqa: DTZ001 - market time


@pytest.fixture
def electricity(lake: Lake) -> Lake:
    """The lake with an empty `raw.electricity`."""
    ensure_raw_table(lake, load_sources(PROJECT_ROOT / "dbt_project")["electricity"])
    return lake


def load(lake: Lake, load_id: int, periods: Sequence[int], *, supersedes: int = 0) -> None:
    """Loads half-hours by number: their price is the number, in thousandths, and the load's."""
    with lake.write("test load") as write:
        execute = write.connection.execute
        execute("delete from lake.raw.electricity where _load_id = ?", [supersedes])
        execute(
            "update lake.ops.file_ledger set superseded_by = ? where load_id = ?",
            [load_id, supersedes],
        )
        for line, number in enumerate(periods, 1):
            values = [
                str(FIRST + timedelta(minutes=30 * number)),
                str(number / 1000),
                str(number % 2),
                f"file {load_id}",
                line,
                load_id,
            ]
            execute(
                "insert into lake.raw.electricity (period_start, nswprice, class, _file, _line,"
                " _load_id, _loaded_at) values (?, ?, ?, ?, ?, ?, '2021-01-01 00:00:00+00')",
                values,
            )
        execute(
            "insert into lake.ops.file_ledger values (?, 'electricity', 'b', 'f', 'e', 'h', 0, ?,"
            " ?, 0, 'loaded', null, '2021-01-01 00:00:00+00', ?, null)",
            [load_id, len(periods), len(periods), write.snapshot_id],
        )


def lags(lake: Lake) -> dict[int, tuple[Any, ...]]:
    """By number of the half-hour: the price before it, and that of the day before."""
    rows = lake.rows(
        "select period_start_at, round(price_ratio_1 * price_mean_48, 6),"
        " round(price_ratio_48 * price_mean_48, 6) from lake.marts.electricity_features"
    )
    first = FIRST.replace(tzinfo=UTC) - timedelta(hours=10)
    return {int((row[0] - first) / timedelta(minutes=30)): row[1:] for row in rows}


def test_features_follow_time_across_files_that_come_late_or_are_replaced(
    electricity: Lake, run_dbt: Callable[..., Any]
) -> None:
    run_dbt("run", *PART)
    assert lags(electricity) == {}, "without a file the mart is empty"

    load(electricity, 1, [49, 50])
    load(electricity, 2, [1, 48])
    run_dbt("run", *PART)
    found = lags(electricity)
    assert (found[49], found[50]) == ((0.048, 0.001), (0.049, None))

    # In the place of the file before: it has the day before of 50, not of 49, and no 48.
    load(electricity, 3, [2], supersedes=2)
    run_dbt("build", *PART)
    assert lags(electricity) == {2: (None, None), 49: (None, None), 50: (0.049, 0.002)}


@pytest.mark.shared_data
def test_on_the_real_data_the_drift_policy_notices_when_the_markets_are_joined(
    electricity: Lake, shared_data: Path, run_dbt: Callable[..., Any]
) -> None:
    with electricity.write("real data") as write:
        write.connection.execute(
            "insert into lake.raw.electricity by name select *, 'elec2' as _file,"
            " row_number() over () as _line, now() as _loaded_at, 1 as _load_id"
            " from read_csv(?, all_varchar => true)",
            [str(shared_data / "drift" / "elec2_nsw.csv.gz")],
        )
    built = run_dbt("build", *PART).stdout
    assert "WARN=0 ERROR=0" in built, "the label is the price against its last 48 half-hours"
    spec = short(load_specs(PROJECT_ROOT / "ml_assets" / "specs").specs["electricity_direction"])
    history = history_of(electricity, spec)
    assert len(history) == 45_312
    assert (history.label[1:] == history.label[:-1]).mean() == pytest.approx(0.8533, abs=1e-4)

    # Victoria's columns, constant until then, begin to move in May 1997.
    months = history.between(datetime(1997, 1, 1, tzinfo=UTC), datetime(1997, 6, 8, tzinfo=UTC))
    trainer = Trainer(spec, months)
    policies = usual_policies(spec, every_days=30)
    with threadpool_limits(1):
        walks = [
            replay(policies[name], trainer, start=datetime(1997, 4, 1, tzinfo=UTC), gate=False)
            for name in ("never", "every 30 days", "drift")
        ]
    never, monthly, drift = summarize(spec, months, walks)
    assert (never.retrainings, monthly.retrainings) == (0, 2)
    assert drift.retrainings in (1, 2)
    noticed = walks[2].trainings[-1]
    assert "transfer_lag_1 PSI" in noticed.reason
    assert datetime(1997, 5, 15, tzinfo=UTC) < noticed.at < datetime(1997, 6, 1, tzinfo=UTC)
    assert min(one.value.estimate for one in (never, monthly, drift)) > 0.8


def short(spec: ModelSpec) -> ModelSpec:
    """The spec with few trees."""
    few = {"trees": 20, "leaves": 8, "learning_rate": 0.3}
    parameters = spec.algorithm.parameters.model_copy(update=few)
    algorithm = spec.algorithm.model_copy(update={"parameters": parameters})
    return spec.model_copy(update={"algorithm": algorithm})
