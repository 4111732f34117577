"""Output of the commands: tables for people, JSON for programs."""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import typer
from rich.cells import cell_len
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


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Prints rows as a table; numbers are set right.

    Words and numbers are not broken. Where they do not fit side by side, rows stand one under the
    other, with a line for each column.
    """
    texts = [[shown(value) for value in row] for row in rows]
    widths = column_widths(columns, texts, console.width)
    if widths is None:
        _print_records(title, columns, texts)
        return
    table = Table(title=title or None, title_justify="left", title_style="bold")
    for index, (column, width) in enumerate(zip(columns, widths, strict=True)):
        numeric = all(isinstance(row[index], int | float | Decimal) for row in rows) and bool(rows)
        justify: Literal["left", "right"] = "right" if numeric else "left"
        table.add_column(column, justify=justify, overflow="fold", width=width)
    for row in texts:
        table.add_row(*map(escape, row))
    console.print(table)


# Words longer than that, such as hashes, may be broken; names of columns, where it is narrow.
_WORD, _NAME = 32, 8


def column_widths(
    columns: Sequence[str], rows: Sequence[Sequence[str]], screen: int
) -> list[int] | None:
    """Widths of a table's columns; None where the words of a row do not fit side by side.

    Args:
        columns: Their names.
        rows: Their texts, a row each.
        screen: Characters in a line, of which a table takes three a column, and one.

    >>> column_widths(["day", "reason"], [["2026-01-01", "nothing is new"]], 80)
    [10, 14]
    >>> column_widths(["day", "reason"], [["2026-01-01", "nothing is new"]], 27)
    [10, 10]
    >>> column_widths(["day", "reason"], [["2026-01-01", "nothing is new"]], 20) is None
    True
    """
    wanted, names, words = [], [], []
    for index, column in enumerate(columns):
        lines = [line for row in rows for line in row[index].splitlines()]
        wanted.append(max(map(cell_len, [column, *lines])))
        names.append(max(map(cell_len, [*column.split(), ""])))
        found = [min(cell_len(word), _WORD) for line in lines for word in line.split()]
        words.append(max([*found, 1]))
    for limit in (_WORD, _NAME):
        widths = [max(min(name, limit), word) for name, word in zip(names, words, strict=True)]
        room = screen - 1 - 3 * len(columns) - sum(widths)
        if room >= 0:
            break
    else:
        return None
    for _ in range(room):
        neediest = max(range(len(columns)), key=lambda i: wanted[i] - widths[i])
        if widths[neediest] == wanted[neediest]:
            break
        widths[neediest] += 1
    return widths


def _print_records(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if title:
        console.print(escape(title), style="bold")
    longest = max(map(len, columns))
    for number, row in enumerate(rows):
        if number:
            console.print()
        for column, text in zip(columns, row, strict=True):
            console.print(f"{column:>{longest}}  {text}", markup=False, highlight=False)


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
