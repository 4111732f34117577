"""The records of a CSV text with the physical lines they start on; none is lost.

Python's csv module splits them: it is slower than DuckDB's reader (about 100,000 records a
second), but tells where each record starts.
"""

import csv
import io
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any

from lakehouse.landing.staging import RejectedLine

# A quote that is opened and never closed swallows at most this much before it is given up.
FIELD_LIMIT = 16 << 20


class Records:
    r"""The records of a CSV text with the lines they start on.

    A record that cannot be split comes as a rejected line: its first physical line, after which
    the reading starts anew, so that a stray quote costs one line and not all that follow.

    >>> [fields for fields, _ in Records(io.StringIO('a,b\n"c\nd",e\n'), ",")]
    [['a', 'b'], ['c\nd', 'e']]
    """

    def __init__(self, lines: IO[str], delimiter: str) -> None:
        self._lines = lines
        self._delimiter = delimiter
        self._again: deque[str] = deque()
        self._current: list[str] = []
        self._line = 1
        self._records = self._split()

    @property
    def text(self) -> str:
        """The present record as it stands in the file."""
        return "".join(self._current).rstrip("\r\n")

    @property
    def size(self) -> int:
        """The present record's number of characters."""
        return sum(map(len, self._current))

    def __iter__(self) -> Iterator[tuple[list[str] | RejectedLine, int]]:
        return self._records

    def _split(self) -> Iterator[tuple[list[str] | RejectedLine, int]]:
        while True:
            try:
                for fields in csv.reader(self._feed(), delimiter=self._delimiter, strict=True):
                    yield fields, self._line
                    self._line += len(self._current)
                    self._current.clear()
            except csv.Error as error:
                first = self._current[0].rstrip("\r\n")
                yield RejectedLine(self._line, first, f"not CSV: {error}"), self._line
                self._again.extendleft(reversed(self._current[1:]))
                self._line += 1
                self._current.clear()
            else:
                return

    def _feed(self) -> Iterator[str]:
        while line := self._again.popleft() if self._again else self._next_line():
            self._current.append(line)
            if len(line) > FIELD_LIMIT:
                raise csv.Error(f"line longer than {FIELD_LIMIT >> 20} MiB")
            yield line

    def _next_line(self) -> str:
        """The next physical line; of one over the limit only a start, but over the limit."""
        line = self._lines.readline(FIELD_LIMIT + 1)
        rest = line
        while len(rest) > FIELD_LIMIT and not rest.endswith(("\n", "\r")):
            rest = self._lines.readline(FIELD_LIMIT + 1)
        return line


@contextmanager
def long_fields() -> Iterator[None]:
    """Lets fields be long inside the block; the csv module knows one limit for the process."""
    before = csv.field_size_limit(FIELD_LIMIT)
    try:
        yield
    finally:
        csv.field_size_limit(before)


class BlockStream(io.RawIOBase):
    """Blocks of bytes as a file."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer as far as the next block reaches; 0 at the end."""
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = memoryview(block)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
