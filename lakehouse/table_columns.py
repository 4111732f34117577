"""The lake's tables and their columns, and those that tables of an earlier version do not have yet.

Asked of `duckdb_columns`: `duckdb_tables` reads the statistics of all tables, ten times the time.
"""

from collections.abc import Mapping

from lakehouse.connection import Lake
from lakehouse.quoting import quote_identifier as quoted


def lake_tables(lake: Lake) -> set[str]:
    """All tables of the lake, as `schema.name`."""
    rows = lake.rows(
        "select distinct schema_name || '.' || table_name from duckdb_columns()"
        " where database_name = 'lake'"
    )
    return {str(row[0]) for row in rows}


def column_types(lake: Lake, schema: str, table: str) -> dict[str, str]:
    """DuckDB type by column, in the table's order; empty without the table."""
    rows = lake.rows(
        "select column_name, data_type from duckdb_columns() where database_name = 'lake'"
        " and schema_name = ? and table_name = ? order by column_index",
        [schema, table],
    )
    return {str(name): str(kind) for name, kind in rows}


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
