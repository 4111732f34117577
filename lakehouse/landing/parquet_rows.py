"""Parquet: each row of the file becomes a raw row, all values as text."""

from pathlib import Path

from lakehouse.landing.compression import UnreadableFileError
from lakehouse.landing.limits import ROWS_FREE, ROWS_PER_BYTE, TEXT_FREE, TEXT_RATIO, mebibytes
from lakehouse.landing.naming import fold, raw_names
from lakehouse.landing.staging import Staging
from lakehouse.quoting import quote_identifier, quote_literal

# Else a folder such as year=2026 would be a column.
_AS_IT_IS = "hive_partitioning = false"
_DECIMAL_DIGITS = 38
_LENGTHS = {"VARCHAR": "strlen", "BLOB": "octet_length"}
_NESTED = ("STRUCT", "MAP", "UNION", "VARIANT")


def stage_parquet(staging: Staging, path: Path, *, columns: tuple[str, ...]) -> None:
    """Stages the rows; `_line` is the row's number from 1, nested values become JSON text.

    Raises:
        UnreadableFileError: The file has no declared column.
    """
    path = _plainly_named(path, staging.folder)
    _check_rows(staging, path)
    relation = f"read_parquet({quote_literal(str(path))}, {_AS_IT_IS})"
    described = staging.engine.execute(f"describe from {relation}").fetchall()
    found = {name: kind for name, kind, *_ in described}
    names = raw_names(list(found), columns)
    if not {fold(name) for name in names} & {fold(column) for column in columns}:
        shown = ", ".join(found)[:200]
        raise UnreadableFileError(
            f"It has none of the declared columns ({', '.join(columns)}); it has: {shown}."
        )
    _check_decimals(staging, path)
    _check_texts(staging, path, found)
    selected = [
        f"{_as_text(column, kind)} as {quote_identifier(name)}"
        for name, (column, kind) in zip(names, found.items(), strict=True)
    ]
    if "file_row_number" in map(fold, found):
        # Slower: it counts the rows as they come, one after the other.
        number = "row_number() over ()"
    else:
        number = "file_row_number + 1"
        relation = f"read_parquet({quote_literal(str(path))}, {_AS_IT_IS}, file_row_number = true)"
    staging.add_rows(
        {name: quote_identifier(name) for name in names},
        f"(select {', '.join(selected)}, {number} as _line from {relation})",  # noqa: S608 - quoted
    )


def _plainly_named(path: Path, folder: Path) -> Path:
    """The file under a name that the engine cannot take for a pattern of names."""
    if not set("*?[") & set(str(path)):
        return path
    link = folder / "landed.parquet"
    link.symlink_to(path.absolute())
    return link


def _check_rows(staging: Staging, path: Path) -> None:
    """Raises if the file has more rows than its bytes can hold in earnest."""
    counted = staging.engine.execute(
        "select num_rows from parquet_file_metadata($1)", [str(path)]
    ).fetchone()
    rows, size = int(counted[0]) if counted else 0, path.stat().st_size
    if rows > max(ROWS_FREE, ROWS_PER_BYTE * size):
        raise UnreadableFileError(
            f"It has {rows:,} rows in {size:,} bytes, as decompression bombs have."
            " If it is sound, land it in parts."
        )


def _check_texts(staging: Staging, path: Path, columns: dict[str, str]) -> None:
    """Raises if the texts are far longer than the file: the same ones again and again."""
    # Lengths alone are read fast: repeated texts are not copied for it.
    lengths = [
        f"coalesce(sum({_LENGTHS[kind]}({quote_identifier(name)})), 0)"
        for name, kind in columns.items()
        if kind in _LENGTHS
    ]
    if not lengths:
        return
    measured = staging.engine.execute(
        f"select {' + '.join(lengths)} from read_parquet($1, {_AS_IT_IS})",  # noqa: S608 - quoted
        [str(path)],
    ).fetchone()
    total, size = int(measured[0]) if measured else 0, path.stat().st_size
    if total > max(TEXT_FREE, TEXT_RATIO * size):
        raise UnreadableFileError(
            f"Its texts have {mebibytes(total)} in a file of {size:,} bytes, as decompression bombs"
            " have. If it is sound, land it in parts."
        )


def _check_decimals(staging: Staging, path: Path) -> None:
    """Raises if a number has more digits than the engine reads right (duckdb reads garbage)."""
    wide = staging.engine.execute(
        "select name, precision from parquet_schema($1) where precision > $2",
        [str(path), _DECIMAL_DIGITS],
    ).fetchone()
    if wide:
        raise UnreadableFileError(
            f"Its column {wide[0]!r} is a decimal of {wide[1]} digits; {_DECIMAL_DIGITS} are"
            " possible."
        )


def _as_text(column: str, kind: str) -> str:
    value = quote_identifier(column)
    if kind.endswith("]") or kind.startswith(_NESTED):
        return f"to_json({value})::varchar"
    return f"{value}::varchar"
