"""Columns that a table of an earlier version does not have yet."""

from collections.abc import Mapping

from lakehouse.connection import Lake
from lakehouse.quoting import quote_identifier as quoted


def add_missing_columns(lake: Lake, tables: Mapping[str, Mapping[str, str]]) -> None:
    """Adds the columns that are missing; rows that are there have null in them.

    Writes nothing where nothing is missing, and may be repeated.

    Args:
        lake: The lake.
        tables: By table as `schema.name`, DuckDB type by column. Tables that are not there are
            left out.
    """
    present: dict[str, set[str]] = {}
    for schema, table, column in lake.rows(
        "select schema_name, table_name, column_name from duckdb_columns()"
        " where database_name = 'lake'"
    ):
        present.setdefault(f"{schema}.{table}", set()).add(column)
    missing = [
        (table, column, kind)
        for table, columns in tables.items()
        for column, kind in columns.items()
        if table in present and column not in present[table]
    ]
    if not missing:
        return
    with lake.write("add columns") as write:
        for table, column, kind in missing:
            schema, name = table.split(".", 1)
            write.connection.execute(
                f"alter table lake.{quoted(schema)}.{quoted(name)}"
                f" add column if not exists {quoted(column)} {kind}"
            )
