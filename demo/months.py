"""The calendar months that the reviews are spread over."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise


@dataclass(frozen=True)
class Month:
    """A month in UTC; `end_ms` (exclusive) is the start of the next one, in epoch milliseconds."""

    name: str
    start_ms: int
    end_ms: int

    @property
    def file_name(self) -> str:
        """Name of the file that holds the month's reviews."""
        return f"reviews_{self.name}.jsonl"


def months_from(first: str, count: int) -> list[Month]:
    """`count` months in a row, the first of them `first` ("YYYY-MM").

    Raises:
        ValueError: `first` is not a month, or the last month lies after the year 9998.

    >>> [month.name for month in months_from("2025-11", 3)]
    ['2025-11', '2025-12', '2026-01']
    """
    parts = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", first)
    if parts is None:
        raise ValueError(f"first_month must look like 2025-07, got {first!r}.")
    number = int(parts[1]) * 12 + int(parts[2]) - 1
    if not 1970 * 12 <= number <= number + count <= 9999 * 12:
        raise ValueError(f"The months must lie in 1970..9998, got {count} months from {first}.")
    starts = [
        datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
        for month in range(number, number + count + 1)
    ]
    return [
        Month(f"{start:%Y-%m}", _milliseconds(start), _milliseconds(end))
        for start, end in pairwise(starts)
    ]


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000
