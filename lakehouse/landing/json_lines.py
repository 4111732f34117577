"""JSON lines: each physical line of a file becomes a row or a rejected line."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from lakehouse.landing.json_rows import stage_json
from lakehouse.landing.limits import RECORD_LIMIT, mebibytes
from lakehouse.landing.staging import RejectedLine, Staging
from lakehouse.landing.whole_lines import whole_lines

if TYPE_CHECKING:
    import pyarrow as pa

# A chunk is parsed at once and becomes one staged file: some hundred MB of memory at most.
_CHUNK = 64 << 20
_CHUNK_LINES = 1 << 18


def stage_json_lines(
    staging: Staging, blocks: Iterable[bytes], *, columns: tuple[str, ...], encoding: str
) -> None:
    """Stages UTF-8 text line by line; the numbers of the lines are exact.

    Args:
        staging: Where to.
        blocks: The text in UTF-8; bytes that are not valid in it reject their line.
        columns: The declared columns.
        encoding: The file's own encoding, for the reason of such a rejection.
    """
    import pyarrow as pa

    texts: list[pa.LargeBinaryArray] = []
    numbers: list[pa.Array] = []
    size = done = 0

    def stage() -> None:
        all_texts, all_numbers = pa.concat_arrays(texts), pa.concat_arrays(numbers)
        # Short lines would be many millions.
        for start in range(0, len(all_texts), _CHUNK_LINES):
            stage_json(
                staging,
                all_texts.slice(start, _CHUNK_LINES),
                all_numbers.slice(start, _CHUNK_LINES),
                columns=columns,
                encoding=encoding,
            )

    for piece in whole_lines(blocks):
        if piece.overlong:
            done += 1
            staging.reject([_overlong(piece.data, done)])
            continue
        lines = _lines(piece.data)
        texts.append(lines)
        numbers.append(pa.array(np.arange(done + 1, done + len(lines) + 1)))
        done += len(lines)
        size += len(piece.data)
        if size >= _CHUNK:
            stage()
            texts, numbers, size = [], [], 0
    if texts:
        stage()


def _lines(data: bytes) -> "pa.LargeBinaryArray":
    """The lines with their ends, without copying the data."""
    import pyarrow as pa

    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n")) + 1
    if not len(ends) or ends[-1] != len(data):
        ends = np.append(ends, len(data))
    offsets = np.concatenate([[0], ends]).astype(np.int64)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(ends), buffers)


def _overlong(start: bytes, number: int) -> RejectedLine:
    reason = f"longer than {mebibytes(RECORD_LIMIT)}"
    return RejectedLine(number, start.decode(errors="replace"), reason)
