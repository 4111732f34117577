"""Output of the commands: tables for people, JSON for programs."""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

# Bound to the terminal as it is now: while a run works, sys.stdout goes to its log.
console = Console(file=sys.stdout)


def print_json(value: Any) -> None:
    """Prints the value as JSON on standard output, and nothing else."""
    print(json.dumps(value, default=plain, indent=1))  # noqa: T201 - the command's own output


def plain(value: Any) -> Any:
    """A value that JSON can hold, for those that it cannot."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return str(value)


# A column of words no longer than this stays whole while others can give way.
_WORD = 32


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Prints rows as a table; numbers are set right, names are not broken."""
    table = Table(title=title or None, title_justify="left", title_style="bold")
    for index, column in enumerate(columns):
        numeric = all(isinstance(row[index], int | float | Decimal) for row in rows) and bool(rows)
        texts = [shown(row[index]) for row in rows]
        whole = all(len(text) <= _WORD and " " not in text for text in texts)
        justify: Literal["left", "right"] = "right" if numeric else "left"
        table.add_column(column, justify=justify, overflow="fold", no_wrap=whole)
    for row in rows:
        table.add_row(*(escape(shown(value)) for value in row))
    console.print(table)


def print_pairs(title: str, pairs: Mapping[str, Any]) -> None:
    """Prints names and values in two columns."""
    print_table(title, ["", ""], [(name, shown(value)) for name, value in pairs.items()])


def shown(value: Any) -> str:
    """A value as people read it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return str(value)
