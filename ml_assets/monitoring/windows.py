"""Windows of the event time: where they start and end, and which of them have to be measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from lakehouse.connection import Lake
from lakehouse.quoting import quote_identifier as quoted
from lakehouse.quoting import quote_literal
from ml_assets.spec.operating_sections import WindowKind

_MONTHS: dict[WindowKind, int] = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True)
class MonitoredRows:
    """A query of rows to monitor, with the column of their event time.

    Attributes:
        query: SQL of the rows, its names quoted and its values bound.
        parameters: The bound values.
        event_time: Column of the event time; rows without one are in no window.
    """

    query: str
    parameters: Mapping[str, Any]
    event_time: str

    def window(self, kind: WindowKind) -> str:
        """SQL of a row's window start, at midnight UTC."""
        return f"date_trunc({quote_literal(kind)}, {quoted(self.event_time)}::timestamptz)"

    def inside(self, windows: Sequence[datetime], kind: WindowKind) -> "MonitoredRows":
        """The rows of these windows only."""
        # The range lets the reader skip files by their statistics; the list is what counts.
        query = (
            f"select * from ({self.query}) where {quoted(self.event_time)} >= $first_window"  # noqa: S608
            f" and {quoted(self.event_time)} < $after_windows"
            f" and list_contains($windows::timestamptz[], {self.window(kind)})"
        )
        bounds = {
            "first_window": min(windows),
            "after_windows": window_end(max(windows), kind),
            "windows": list(windows),
        }
        return MonitoredRows(query, {**self.parameters, **bounds}, self.event_time)


def window_start(moment: datetime, kind: WindowKind) -> datetime:
    """Midnight (UTC) at which the moment's window begins; weeks begin on Mondays.

    The same as `date_trunc` in SQL, which a test holds it to.

    >>> window_start(datetime(2025, 1, 1, 13, tzinfo=UTC), "week").isoformat()
    '2024-12-30T00:00:00+00:00'
    >>> window_start(datetime(2025, 6, 30, 13, tzinfo=UTC), "quarter").isoformat()
    '2025-04-01T00:00:00+00:00'
    """
    moment = moment.astimezone(UTC)
    if kind in _MONTHS:
        first = (moment.month - 1) // _MONTHS[kind] * _MONTHS[kind] + 1
        return datetime(moment.year, first, 1, tzinfo=UTC)
    day = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    return day - timedelta(days=day.weekday() if kind == "week" else 0)


def window_end(start: datetime, kind: WindowKind) -> datetime:
    """The first moment after the window.

    >>> window_end(datetime(2024, 12, 1, tzinfo=UTC), "month").isoformat()
    '2025-01-01T00:00:00+00:00'
    >>> window_end(datetime(2024, 10, 1, tzinfo=UTC), "quarter").isoformat()
    '2025-01-01T00:00:00+00:00'
    """
    if kind in _MONTHS:
        year, month = divmod(start.year * 12 + start.month - 1 + _MONTHS[kind], 12)
        return datetime(year, month + 1, 1, tzinfo=UTC)
    return start + timedelta(days=7 if kind == "week" else 1)


@dataclass(frozen=True)
class PendingWindows:
    """Windows whose rows are not what was measured: to measure, and to forget."""

    measure: tuple[datetime, ...]
    forget: tuple[datetime, ...]

    @property
    def replaced(self) -> tuple[datetime, ...]:
        """Windows whose earlier rows have to go."""
        return self.measure + self.forget


def pending_windows(
    present: Mapping[datetime, int], measured: Mapping[datetime, int]
) -> PendingWindows:
    """The windows whose number of rows differs from that at their last measurement.

    >>> may, june = datetime(2025, 5, 1, tzinfo=UTC), datetime(2025, 6, 1, tzinfo=UTC)
    >>> pending_windows({may: 10, june: 3}, {may: 10, june: 2}).measure == (june,)
    True
    """
    changed = (window for window, rows in present.items() if measured.get(window) != rows)
    return PendingWindows(
        measure=tuple(sorted(changed)),
        forget=tuple(sorted(set(measured) - set(present))),
    )


def rows_by_window(lake: Lake, rows: MonitoredRows, kind: WindowKind) -> dict[datetime, int]:
    """The number of rows in each window that has any."""
    query = (
        f"select {rows.window(kind)} as window_start, count(*) from ({rows.query})"  # noqa: S608
        f" where {quoted(rows.event_time)} is not null group by all"
    )
    with lake.connection() as connection:
        found = connection.execute(query, dict(rows.parameters)).fetchall()
    return {start.astimezone(UTC): int(count) for start, count in found}
