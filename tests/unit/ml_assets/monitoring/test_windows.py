from datetime import UTC, datetime, timedelta
from typing import get_args

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.monitoring.windows import (
    MonitoredRows,
    pending_windows,
    window_end,
    window_start,
)
from ml_assets.spec.operating_sections import WindowKind

ENGINE = duckdb.connect()
ENGINE.execute("set TimeZone = 'UTC'")


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "kind", "end"),
    [
        ("2024-02-01", "month", "2024-03-01"),
        ("2024-12-01", "month", "2025-01-01"),
        ("2024-11-01", "month", "2024-12-01"),
        ("2024-02-26", "week", "2024-03-04"),
        ("2024-02-29", "day", "2024-03-01"),
        ("2024-10-01", "quarter", "2025-01-01"),
        ("2024-01-01", "year", "2025-01-01"),
    ],
)
def test_a_window_ends_where_the_next_begins(start: str, kind: WindowKind, end: str) -> None:
    assert window_end(day(start), kind) == day(end)


@given(st.dates())
def test_every_month_has_28_to_31_days(date: object) -> None:
    start = day(f"{date}").replace(day=1)
    if start.year < 9999:
        length = window_end(start, "month") - start
        assert timedelta(days=28) <= length <= timedelta(days=31)


@pytest.mark.parametrize("kind", get_args(WindowKind))
@given(moment=st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)))  # noqa: DTZ001 - hypothesis
def test_a_window_starts_where_the_query_of_the_monitors_says(
    kind: WindowKind, moment: datetime
) -> None:
    moment = moment.replace(tzinfo=UTC)
    sql = MonitoredRows("", {}, "moment").window(kind)
    found = ENGINE.execute(f"select {sql} from (select ? as moment)", [moment]).fetchall()
    start = window_start(moment, kind)
    assert start == found[0][0]
    assert start <= moment < window_end(start, kind)


MAY, JUNE, JULY = day("2025-05-01"), day("2025-06-01"), day("2025-07-01")


def test_new_and_changed_windows_are_measured_and_vanished_ones_forgotten() -> None:
    pending = pending_windows({JULY: 1, JUNE: 5}, {MAY: 3, JUNE: 4})
    assert pending.measure == (JUNE, JULY)
    assert pending.forget == (MAY,)
    assert pending.replaced == (JUNE, JULY, MAY)


def test_nothing_is_pending_where_nothing_changed_or_nothing_is() -> None:
    assert pending_windows({MAY: 3}, {MAY: 3}).replaced == ()
    assert pending_windows({}, {}).replaced == ()
