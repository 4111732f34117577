"""CSV: each record after the header becomes a row or a rejected record."""

from collections.abc import Iterable

from lakehouse.landing.compression import UnreadableFileError
from lakehouse.landing.csv_records import Records, long_fields
from lakehouse.landing.detection import Detection
from lakehouse.landing.naming import fold, raw_names
from lakehouse.landing.staging import RejectedLine, Staging

# What is parsed at once and becomes one staged file: some hundred MB of Python strings.
_CHUNK = 32 << 20
_CHUNK_ROWS = 100_000


def stage_csv(
    staging: Staging, blocks: Iterable[bytes], *, columns: tuple[str, ...], detection: Detection
) -> None:
    """Stages the records after the header; `_line` is the physical line a record starts on.

    Empty fields, also quoted ones, are NULL. The header is not counted.

    Args:
        staging: Where to.
        blocks: The text in UTF-8.
        columns: The declared columns; with none any header will do.
        detection: Delimiter and line end.

    Raises:
        UnreadableFileError: The header names no declared column.
    """
    if detection.line_end == "\r":
        blocks = (block.replace(b"\r", b"\n") for block in blocks)
    with long_fields():
        records = Records(blocks, detection.delimiter)
        names = _header(records, staging, columns)
        if names is not None:
            _stage_records(records, staging, names, detection.encoding)


def _header(records: Records, staging: Staging, columns: tuple[str, ...]) -> list[str] | None:
    for fields, line in records:
        if isinstance(fields, RejectedLine):
            raise UnreadableFileError(f"Its header in line {line} cannot be read: {fields.reason}.")
        if not fields:
            staging.reject([RejectedLine(line, "", "blank line")])
            continue
        names = raw_names(fields, columns)
        if columns and not {fold(name) for name in names} & set(map(fold, columns)):
            shown = ", ".join(fields)[:200].encode("utf-8", "replace").decode()
            raise UnreadableFileError(
                f"Its header names no declared column: {shown!r}; declared: {', '.join(columns)}."
            )
        return [name.encode("utf-8", "replace").decode() for name in names]
    return None


def _stage_records(records: Records, staging: Staging, names: list[str], encoding: str) -> None:
    rows: list[list[str]] = []
    numbers: list[int] = []
    rejected: list[RejectedLine] = []
    size = 0
    for fields, line in records:
        size += records.size
        if isinstance(fields, RejectedLine):
            rejected.append(fields)
        elif len(fields) == len(names):
            rows.append(fields)
            numbers.append(line)
        else:
            rejected.append(_wrong_width(records.text, line, len(fields), len(names)))
        if size >= _CHUNK or len(rows) >= _CHUNK_ROWS:
            _flush(staging, names, (rows, numbers, rejected), encoding)
            rows, numbers, rejected, size = [], [], [], 0
    _flush(staging, names, (rows, numbers, rejected), encoding)


def _wrong_width(text: str, line: int, width: int, expected: int) -> RejectedLine:
    if not width:
        return RejectedLine(line, text, "blank line")
    return RejectedLine(line, text, f"{expected} fields expected, {width} found")


def _flush(
    staging: Staging,
    names: list[str],
    found: tuple[list[list[str]], list[int], list[RejectedLine]],
    encoding: str,
) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    rows, numbers, rejected = found
    try:
        arrays = [pa.array(values, pa.large_string()) for values in zip(*rows, strict=True)]
    except UnicodeEncodeError:
        undecodable = [any(map(_has_surrogates, row)) for row in rows]
        for row, line, bad in zip(rows, numbers, undecodable, strict=True):
            if bad:
                rejected.append(RejectedLine(line, ",".join(row), f"not valid {encoding}"))
        sound = [index for index, bad in enumerate(undecodable) if not bad]
        rows, numbers = [rows[index] for index in sound], [numbers[index] for index in sound]
        arrays = [pa.array(values, pa.large_string()) for values in zip(*rows, strict=True)]
    staging.reject(rejected)
    if rows:
        nulls = [pc.if_else(pc.equal(array, ""), None, array) for array in arrays]
        staging.add_table(
            pa.table([*nulls, pa.array(numbers, pa.int64())], names=[*names, "_line"])
        )


def _has_surrogates(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return True
    return False
