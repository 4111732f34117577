"""Parquet: each row of the file becomes a raw row, all values as text."""

from pathlib import Path

from lakehouse.landing.compression import UnreadableFileError
from lakehouse.landing.naming import fold, raw_names
from lakehouse.landing.staging import Staging
from lakehouse.quoting import quote_identifier, quote_literal

_NESTED = ("STRUCT", "MAP", "UNION", "VARIANT")


def stage_parquet(staging: Staging, path: Path, *, columns: tuple[str, ...]) -> None:
    """Stages the rows; `_line` is the row's number from 1, nested values become JSON text.

    Raises:
        UnreadableFileError: The file has no declared column.
    """
    relation = f"read_parquet({quote_literal(str(path))}, file_row_number = true)"
    described = staging.engine.execute(f"describe from {relation}").fetchall()
    found = {name: kind for name, kind, *_ in described if name != "file_row_number"}
    names = raw_names(list(found), columns)
    if not {fold(name) for name in names} & {fold(column) for column in columns}:
        shown = ", ".join(found)[:200]
        raise UnreadableFileError(
            f"It has none of the declared columns ({', '.join(columns)}); it has: {shown}."
        )
    selected = [
        f"{_as_text(column, kind)} as {quote_identifier(name)}"
        for name, (column, kind) in zip(names, found.items(), strict=True)
    ]
    staging.add_rows(
        {name: quote_identifier(name) for name in names},
        f"(select {', '.join(selected)}, file_row_number + 1 as _line from {relation})",  # noqa: S608 - quoted
    )


def _as_text(column: str, kind: str) -> str:
    value = quote_identifier(column)
    if kind.endswith("]") or kind.startswith(_NESTED):
        return f"to_json({value})::varchar"
    return f"{value}::varchar"
