"""The records of a CSV text with the physical lines they start on; none is lost.

Python's csv module splits them: it is slower than DuckDB's reader (some 100,000 records a second),
but tells where each record starts.
"""

import csv
import io
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from lakehouse.landing.limits import RECORD_LIMIT, mebibytes
from lakehouse.landing.staging import RejectedLine
from lakehouse.landing.whole_lines import whole_lines

# How many characters may be read again behind stray quotes, and how many times those of the text:
# where quotes never close, each line would read all that follow.
_AGAIN_FREE = 16 << 20
_AGAIN_RATIO = 4


class Records:
    r"""The records of a CSV text with the lines they start on.

    A record that cannot be split comes as a rejected line: its first physical line, after which
    the reading starts anew, so that a stray quote costs one line and not all that follow. Where
    that has happened too often, all lines of the record are rejected.

    Args:
        blocks: The text in UTF-8 with line ends `\n` or `\r\n`; other bytes than UTF-8 become
            lone surrogates.
        delimiter: What stands between fields.

    >>> list(Records([b'a,b\n"c', b'\nd",e\n'], ","))
    [(['a', 'b'], 1), (['c\nd', 'e'], 2)]
    """

    def __init__(self, blocks: Iterable[bytes], delimiter: str) -> None:
        self._lines = _lines(blocks)
        self._delimiter = delimiter
        self._again: deque[str] = deque()
        self._current: list[str] = []
        self._line = 1
        self._size = self._read = self._read_again = 0
        self._records = self._split()

    @property
    def text(self) -> str:
        """The present record as it stands in the file."""
        return "".join(self._current).rstrip("\r\n")

    @property
    def size(self) -> int:
        """The present record's number of characters."""
        return self._size

    def __iter__(self) -> Iterator[tuple[list[str] | RejectedLine, int]]:
        return self._records

    def _split(self) -> Iterator[tuple[list[str] | RejectedLine, int]]:
        while True:
            try:
                for fields in csv.reader(self._feed(), delimiter=self._delimiter, strict=True):
                    yield fields, self._line
                    self._line += len(self._current)
                    self._start_record()
            except csv.Error as error:
                yield from self._rejected(f"not CSV: {error}")
            else:
                return

    def _rejected(self, reason: str) -> Iterator[tuple[RejectedLine, int]]:
        broken = self._current[:1]
        following = self._current[1:]
        self._read_again += self._size
        if self._read_again > _AGAIN_FREE + _AGAIN_RATIO * self._read:
            broken, following = self._current, []
        self._again.extendleft(reversed(following))
        self._start_record()
        for line in broken:
            yield RejectedLine(self._line, line.rstrip("\r\n"), reason), self._line
            self._line += 1

    def _start_record(self) -> None:
        self._current = []
        self._size = 0

    def _feed(self) -> Iterator[str]:
        while self._again:
            yield self._fed(self._again.popleft())
        for line in self._lines:
            self._read += len(line)
            yield self._fed(line)

    def _fed(self, line: str) -> str:
        self._current.append(line)
        self._size += len(line)
        if isinstance(line, _OverlongLine) or self._size > RECORD_LIMIT:
            raise csv.Error(f"longer than {mebibytes(RECORD_LIMIT)}")
        return line


class _OverlongLine(str):
    """The start of a line that was too long to be read."""

    __slots__ = ()


def _lines(blocks: Iterable[bytes]) -> Iterator[str]:
    for piece in whole_lines(blocks):
        text = piece.data.decode("utf-8", "surrogateescape")
        if piece.overlong:
            yield _OverlongLine(text)
        else:
            yield from io.StringIO(text, newline="\n")


@contextmanager
def long_fields() -> Iterator[None]:
    """Lets fields be long inside the block; the csv module knows one limit for the process."""
    before = csv.field_size_limit(RECORD_LIMIT)
    try:
        yield
    finally:
        csv.field_size_limit(before)
