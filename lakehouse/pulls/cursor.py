"""How far landed answers reach, and what to ask for next: pure."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from lakehouse.feeds.origins import HttpCursor


def request_range(cursor: HttpCursor, last: str | None, today: date) -> dict[str, str]:
    """What `{from}` and `{to}` stand for in the next request.

    Args:
        cursor: As declared.
        last: The newest value landed, as `newest` writes it; None before the first pull.
        today: The day of the pull.

    >>> cursor = HttpCursor(column="date", format="%d/%m/%Y", start="2024-01-01", overlap_days=7)
    >>> request_range(cursor, "2024-03-10", date(2024, 3, 11))
    {'from': '2024-03-03', 'to': '2024-03-11'}
    >>> request_range(HttpCursor(column="id", start="0"), "17", date(2024, 3, 11))
    {'from': '17', 'to': '2024-03-11'}
    """
    to = today.strftime(cursor.request_format)
    if cursor.format is None:
        return {"from": last or cursor.start, "to": to}
    begin = date.fromisoformat(cursor.start)
    if last is not None:
        begin = max(begin, date.fromisoformat(last) - timedelta(days=cursor.overlap_days))
    return {"from": begin.strftime(cursor.request_format), "to": to}


def newest(cursor: HttpCursor, values: Iterable[str | None], today: date) -> str | None:
    """The newest of the values, as a number or an ISO date; None if none can be read.

    A date after today is a mistake of the publisher: taken at its word, nothing would ever be
    asked for again.

    >>> cursor = HttpCursor(column="date", format="%d/%m/%Y", start="2024-01-01")
    >>> newest(cursor, ["02/03/2024", "N/E", "01/04/2024", None], date(2024, 3, 11))
    '2024-03-11'
    """
    if cursor.format is None:
        numbers = [int(value) for value in values if value is not None and _is_number(value)]
        return str(max(numbers)) if numbers else None
    days = [day for value in values if value is not None and (day := _day(value, cursor.format))]
    return min(max(days), today).isoformat() if days else None


def later(cursor: HttpCursor, one: str | None, other: str | None) -> str | None:
    """The later of two cursors, either of which may be missing."""
    if one is None or other is None:
        return one if other is None else other
    return str(max(int(one), int(other))) if cursor.format is None else max(one, other)


def _is_number(value: str) -> bool:
    return value.strip().removeprefix("-").isdecimal()


def _day(value: str, form: str) -> date | None:
    try:
        return datetime.strptime(value.strip(), form).date()  # noqa: DTZ007 - a day, no time
    except ValueError:
        return None
