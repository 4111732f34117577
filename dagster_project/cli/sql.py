"""`tidemark sql`: reads everything in the lake, writes nothing."""

import csv
import sys
from enum import StrEnum
from typing import Annotated

import duckdb
import typer

from dagster_project.cli.output import print_json, print_table
from dagster_project.lake_reader import attach_statement, read_only_lake
from dagster_project.platform import load_platform
from lakehouse.errors import TidemarkError
from lakehouse.failures import explanation_of


class Format(StrEnum):
    """How rows are printed."""

    table = "table"
    json = "json"
    csv = "csv"


def sql(
    query: Annotated[str | None, typer.Argument(help="The query; - reads it from stdin.")] = None,
    output: Annotated[
        Format, typer.Option("--format", "-f", help="How to print the rows.")
    ] = Format.table,
    json: Annotated[bool, typer.Option("--json", help="Same as --format json.")] = False,
    limit: Annotated[
        int, typer.Option(help="Most rows that a table shows; JSON and CSV print all.", min=1)
    ] = 100,
    attach: Annotated[
        bool, typer.Option("--attach", help="Print the statements for any DuckDB client.")
    ] = False,
) -> None:
    """Read the lake with SQL, also while a run writes.

    Tables are found by their bare names: reviews_scored, review_features, file_ledger, drift ...
    The connection is read-only and reaches no file but the lake's.

    Example: tidemark sql "select rating, count(*) from reviews_scored group by all"
    """
    platform = load_platform()
    if attach:
        print(attach_statement(platform.settings))  # noqa: T201 - to be piped into a client
        return
    if query is None:
        raise TidemarkError(
            "There is no query.", hint='Write one: tidemark sql "from reviews_scored limit 5".'
        )
    text = sys.stdin.read() if query == "-" else query
    with read_only_lake(platform.settings) as connection:
        columns, rows = _run(connection, text)
    if json or output is Format.json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    elif output is Format.csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(columns)
        writer.writerows(rows)
    else:
        print_table("", columns, rows[:limit])
        if len(rows) > limit:
            print(f"{limit} of {len(rows)} rows; --limit shows more.")  # noqa: T201


def _run(
    connection: duckdb.DuckDBPyConnection, text: str
) -> tuple[list[str], list[tuple[object, ...]]]:
    try:
        cursor = connection.execute(text)
        columns = [str(entry[0]) for entry in cursor.description or []]
        return columns, cursor.fetchall()
    except duckdb.CatalogException as error:
        raise TidemarkError(
            _first_lines(error),
            hint='What there is: tidemark sql "select table_schema, table_name from'
            ' information_schema.tables".',
        ) from error
    except (duckdb.ParserException, duckdb.BinderException) as error:
        hint = "Correct the query; `describe <table>` shows a table's columns."
        raise TidemarkError(_first_lines(error), hint=hint) from error
    except duckdb.Error as error:
        if explanation_of(error) is not None:
            raise
        hint = "The lake is read-only here; only SELECT and the like work, and on the lake alone."
        raise TidemarkError(_first_lines(error), hint=hint) from error


def _first_lines(error: Exception) -> str:
    return "\n".join(line for line in str(error).splitlines()[:6] if line.strip())
