"""`tidemark sql`: reads everything in the lake, writes nothing."""

import csv
import itertools
import json as json_text
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated

import duckdb
import typer

from dagster_project.cli.output import plain, print_table
from dagster_project.lake_reader import attach_statement, read_only_lake
from dagster_project.platform import load_platform
from lakehouse.errors import TidemarkError
from lakehouse.failures import explanation_of

_FETCHED_ROWS = 1000


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
    with read_only_lake(platform.settings) as lake, _explained():
        cursor = lake.execute(text)
        columns = [str(entry[0]) for entry in cursor.description or []]
        rows = _rows(cursor)
        if json or output is Format.json:
            _print_json(columns, rows)
        elif output is Format.csv:
            writer = csv.writer(sys.stdout)
            writer.writerow(columns)
            writer.writerows(rows)
        else:
            shown = list(itertools.islice(rows, limit))
            print_table("", columns, shown)
            if more := sum(1 for _ in rows):
                print(f"{limit} of {limit + more} rows; --limit shows more.")  # noqa: T201


def _rows(cursor: duckdb.DuckDBPyConnection) -> Iterator[Sequence[object]]:
    """The rows, few at a time: all of them may be more than memory holds."""
    while some := cursor.fetchmany(_FETCHED_ROWS):
        yield from some


def _print_json(columns: Sequence[str], rows: Iterator[Sequence[object]]) -> None:
    """Prints what `print_json` would, row by row."""
    end = "[]"
    for number, row in enumerate(rows):
        text = json_text.dumps(dict(zip(columns, row, strict=True)), default=plain, indent=1)
        sys.stdout.write(("," if number else "[") + "\n" + textwrap.indent(text, " "))
        end = "\n]"
    sys.stdout.write(f"{end}\n")


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
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
