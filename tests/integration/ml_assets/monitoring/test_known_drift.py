"""Drift that is known from the literature: electricity prices of New South Wales (Harries 1999)."""

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from ml_assets.frames import FeatureColumns
from ml_assets.monitoring.binning import lay_bins
from ml_assets.monitoring.counting import count_bins
from ml_assets.monitoring.distributions import Distribution
from ml_assets.monitoring.drift_rows import DriftRow, drift_rows
from ml_assets.monitoring.recording import Measurement
from ml_assets.spec.operating_sections import Monitors

pytestmark = [pytest.mark.integration, pytest.mark.shared_data]

# Victoria's columns are constant until the markets were joined in May 1997.
JOINED = ("vicprice", "vicdemand", "transfer")


@pytest.fixture
def rows(shared_data: Path) -> list[DriftRow]:
    """Monthly drift against the first eight months, all of them before the markets were joined."""
    engine = duckdb.connect()
    engine.execute("set TimeZone = 'UTC'")
    engine.execute(
        "create table prices as select *, period_start::timestamptz as at_utc from read_csv(?)",
        [str(shared_data / "drift" / "elec2_nsw.csv.gz")],
    )
    known = "from prices where at_utc < timestamptz '1997-01-01'"
    columns = FeatureColumns((), (), ("nswprice", "nswdemand", *JOINED))
    bins = lay_bins(engine, columns, rows=known, sample=known, parameters={})
    (reference,) = count_bins(engine, bins, rows=known, parameters={}, segments={})
    groups = count_bins(
        engine,
        bins,
        rows="from prices",
        parameters={},
        segments={},
        window="date_trunc('month', at_utc)",
    )
    distribution = Distribution(
        bins,
        {"all": reference.rows},
        {"all": tuple(feature.counts for feature in reference.features)},
    )
    measurement = Measurement("prices", 1, datetime(2025, 1, 1, tzinfo=UTC), "run")
    return drift_rows(groups, distribution, Monitors(), kind="feature", measurement=measurement)


def test_columns_that_start_to_move_drift_from_that_month_on_and_never_before(
    rows: list[DriftRow],
) -> None:
    joined_at = datetime(1997, 5, 1, tzinfo=UTC)
    for feature in JOINED:
        of_feature = [row for row in rows if row.feature == feature]
        assert {row.drifted for row in of_feature if row.window_start < joined_at} == {False}
        assert {row.drifted for row in of_feature if row.window_start > joined_at} == {True}


def test_every_half_hour_is_counted(rows: list[DriftRow]) -> None:
    assert sum(row.rows for row in rows if row.feature == "nswprice") == 45_312
