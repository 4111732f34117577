"""The raw table of a source: all columns text, and where each row came from."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import duckdb

from lakehouse.connection import Lake
from lakehouse.errors import TidemarkError
from lakehouse.landing.naming import PLATFORM_COLUMNS, fold
from lakehouse.quoting import quote_identifier
from lakehouse.sources import Source

# DuckLake writes few rows into its catalog instead of a file; a value of 16 MiB takes that half a
# minute.
_INLINED_BYTES = 1 << 20
_PLATFORM_TYPES = {
    "_file": "varchar",
    "_line": "bigint",
    "_loaded_at": "timestamptz",
    "_load_id": "bigint",
}


def raw_table(source: Source) -> str:
    """The qualified and quoted name of the source's raw table."""
    return f"lake.raw.{quote_identifier(source.name)}"


def ensure_raw_table(lake: Lake, source: Source) -> None:
    """Creates the source's raw table, or adds columns declared since; does nothing else."""
    with lake.connection() as connection:
        columns = raw_columns(connection, source)
    if columns and not missing_columns(columns, source.columns):
        return
    with lake.write(f"raw table {source.name}") as write:
        platform = ", ".join(f"{name} {kind}" for name, kind in _PLATFORM_TYPES.items())
        declared = "".join(f"{quote_identifier(name)} varchar, " for name in source.columns)
        write.connection.execute(
            f"create table if not exists {raw_table(source)} ({declared}{platform})"
        )
        add_columns(write.connection, source, source.columns)


def raw_columns(connection: duckdb.DuckDBPyConnection, source: Source) -> list[str]:
    """The columns of the raw table without the platform's own; empty without the table."""
    rows = connection.execute(
        "select column_name from duckdb_columns() where database_name = 'lake'"
        " and schema_name = 'raw' and table_name = $name order by column_index",
        {"name": source.name},
    ).fetchall()
    return [row[0] for row in rows if row[0] not in PLATFORM_COLUMNS]


def missing_columns(present: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """The wanted names that are not present, whatever their case, each once.

    >>> missing_columns(["Text"], ["text", "note", "Note"])
    ['note']
    """
    taken = {fold(name) for name in present}
    missing = []
    for name in wanted:
        if fold(name) not in taken:
            taken.add(fold(name))
            missing.append(name)
    return missing


def add_columns(
    connection: duckdb.DuckDBPyConnection, source: Source, columns: Iterable[str]
) -> list[str]:
    """Adds the text columns that the raw table lacks; returns them."""
    added = missing_columns(raw_columns(connection, source), columns)
    for name in added:
        connection.execute(
            f"alter table {raw_table(source)} add column {quote_identifier(name)} varchar"
        )
    return added


def delete_loads(
    connection: duckdb.DuckDBPyConnection, source: Source, loads: Sequence[int]
) -> None:
    """Deletes the rows and rejected lines of file versions that are replaced."""
    if loads:
        for table in (raw_table(source), "lake.raw.rejected_lines"):
            connection.execute(
                f"delete from {table} where _load_id in (select unnest($loads))",  # noqa: S608 - quoted
                {"loads": list(loads)},
            )


def insert_rows(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    files: Sequence[Path],
    *,
    load_ids: Mapping[str, int],
    loaded_at: datetime,
) -> int:
    """Inserts staged rows into the raw table; returns how many."""
    return _insert(
        connection,
        files,
        target=raw_table(source),
        columns="*",
        load_ids=load_ids,
        parameters={"loaded_at": loaded_at},
    )


def insert_rejected(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    files: Sequence[Path],
    *,
    load_ids: Mapping[str, int],
    loaded_at: datetime,
) -> int:
    """Inserts staged rejected lines; returns how many."""
    return _insert(
        connection,
        files,
        target="lake.raw.rejected_lines",
        columns="$source as source, *",
        load_ids=load_ids,
        parameters={"loaded_at": loaded_at, "source": source.name},
    )


def _insert(
    connection: duckdb.DuckDBPyConnection,
    files: Sequence[Path],
    *,
    target: str,
    columns: str,
    load_ids: Mapping[str, int],
    parameters: Mapping[str, object],
) -> int:
    if not files:
        return 0
    large = _is_large(files)
    if large:
        connection.execute("set ducklake_default_data_inlining_row_limit = 0")
    inserted = connection.execute(
        f"""
        insert into {target} by name
        select {columns}, $loaded_at::timestamptz as _loaded_at
        from read_parquet($files, union_by_name = true, hive_partitioning = false)
        join (select unnest($keys) as _file, unnest($loads) as _load_id) using (_file)
        """,  # noqa: S608 - quoted
        {
            **parameters,
            "files": [str(file) for file in files],
            "keys": list(load_ids),
            "loads": list(load_ids.values()),
        },
    ).fetchone()
    if large:
        connection.execute("reset ducklake_default_data_inlining_row_limit")
    return int(inserted[0]) if inserted else 0


def _is_large(files: Sequence[Path]) -> bool:
    return sum(file.stat().st_size for file in files) > _INLINED_BYTES


def check_inserted(inserted: int, expected: int, what: str) -> None:
    """Raises if the lake took another number of rows than were staged; nothing is kept then."""
    if inserted != expected:
        raise TidemarkError(
            f"{expected} {what} were read, but {inserted} written; nothing was kept.",
            hint="Run it again; if it happens again, `tidemark check` may tell what is wrong.",
        )
