"""Blocks of a text cut anew at the ends of its lines."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from lakehouse.landing.limits import RECORD_LIMIT

_KEPT_OF_OVERLONG = 4000


class Piece(NamedTuple):
    """Whole lines with their line ends, or the start of one line that is over the limit."""

    data: bytes
    overlong: bool = False


def whole_lines(blocks: Iterable[bytes], limit: int = RECORD_LIMIT) -> Iterator[Piece]:
    r"""Pieces of whole lines; of a line over the limit only a start is kept.

    Memory stays bounded by the limit, whatever the text.

    >>> [piece.data for piece in whole_lines([b"a\nb", b"c\n", b"d"])]
    [b'a\n', b'bc\n', b'd']
    """
    rest = b""
    skipping = False
    for block in blocks:
        fresh = block
        if skipping:
            _, ended, fresh = block.partition(b"\n")
            skipping = not ended
        data = rest + fresh
        # Only the line that began in an earlier block can be over the limit.
        first = data.find(b"\n") + 1
        if rest and first > limit:
            yield Piece(data[:_KEPT_OF_OVERLONG], overlong=True)
            data = data[first:]
        cut = data.rfind(b"\n") + 1
        if cut:
            yield Piece(data[:cut])
        rest = data[cut:]
        if len(rest) > limit:
            yield Piece(rest[:_KEPT_OF_OVERLONG], overlong=True)
            rest, skipping = b"", True
    if rest:
        yield Piece(rest)
