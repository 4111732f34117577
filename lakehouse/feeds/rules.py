"""Rules between the fields of a source's declaration: pure, all broken ones at once."""

import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import TYPE_CHECKING

from lakehouse.declaration.contradiction import Contradiction
from lakehouse.declaration.errors import FieldPath, nearest_of
from lakehouse.feeds.origins import Http, LinkedPages, Postgres, Url
from lakehouse.landing.naming import RESERVED, fold

if TYPE_CHECKING:
    from lakehouse.feeds.document import Feed

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def contradictions(feed: "Feed") -> tuple[Contradiction, ...]:
    """Everything in the declaration that contradicts something else in it."""
    return tuple(found for rule in _RULES for found in rule(feed))


def _records(feed: "Feed") -> Iterator[Contradiction]:
    if feed.records is not None and feed.read.format not in (None, "json"):
        message = f"The format is {feed.read.format}: only JSON documents have a path to records."
        yield Contradiction(("records",), message, feed.records, allowed="read.format: json")


def _columns(feed: "Feed") -> Iterator[Contradiction]:
    seen: set[str] = set()
    for name, column in feed.columns.items():
        path: FieldPath = ("columns", name)
        if fold(name) in RESERVED:
            yield Contradiction(path, f"'{name}' is the lake's own.", name)
        if fold(name) in seen:
            yield Contradiction(path, f"'{name}' is named twice.", name)
        seen.add(fold(name))
        given = (bool(column.column), column.value is not None, column.parent is not None)
        if sum(given) != 1:
            message = f"'{name}' needs one of column, value and parent."
            yield Contradiction(path, message, allowed="column, value or parent")
        if column.parent is not None and feed.records is None:
            message = f"'{column.parent}' is a field around records, but there is no `records`."
            yield Contradiction((*path, "parent"), message, column.parent)
        if column.optional and column.value is not None:
            yield Contradiction((*path, "optional"), "A constant is never missing.")
    if feed.columns and all(column.value is not None for column in feed.columns.values()):
        yield Contradiction(("columns",), "Only constants: nothing of the file would be read.")


def _placeholders(feed: "Feed") -> Iterator[Contradiction]:
    origin = feed.origin
    if not isinstance(origin, Http | Url):
        return
    templates: dict[FieldPath, str] = {("from", "url"): origin.url}
    templates |= {("from", "headers", name): text for name, text in origin.headers.items()}
    known = {"token"} if origin.token else set()
    if isinstance(origin, Http):
        named = origin.parameters.items()
        templates |= {("from", "parameters", name): text for name, text in named}
        known |= {"from", "to"} if origin.incremental else set()
    used = set()
    for path, text in templates.items():
        for name in _PLACEHOLDER.findall(text):
            used.add(name)
            if name not in known:
                yield _unknown_placeholder(path, name, known)
    if origin.token and "token" not in used:
        yield Contradiction(("from", "token"), "The token is not used: `{token}` is nowhere.")
    if isinstance(origin, Http) and origin.incremental and "from" not in used:
        message = "Each request would ask for everything: `{from}` is nowhere."
        yield Contradiction(("from", "incremental"), message)


def _unknown_placeholder(path: FieldPath, name: str, known: set[str]) -> Contradiction:
    needs = {"token": "token", "from": "incremental", "to": "incremental"}.get(name)
    message = (
        f"`{{{name}}}` needs `from.{needs}`." if needs else f"`{{{name}}}` stands for nothing."
    )
    allowed = ", ".join(f"{{{one}}}" for one in sorted(known))
    return Contradiction(path, message, name, allowed, nearest_of(name, known))


def _incremental(feed: "Feed") -> Iterator[Contradiction]:
    origin = feed.origin
    cursor = getattr(origin, "incremental", None)
    if cursor is None:
        return
    if isinstance(origin, Http):
        path: FieldPath = ("from", "incremental")
        if feed.columns and cursor.column not in feed.columns:
            nearest = nearest_of(cursor.column, feed.columns)
            message = f"'{cursor.column}' is not among the columns."
            allowed = ", ".join(feed.columns)
            yield Contradiction((*path, "column"), message, cursor.column, allowed, nearest)
        if cursor.format is None and not re.fullmatch(r"-?\d{1,18}", cursor.start):
            message = f"'{cursor.start}' is not a whole number, and no `format` makes it a date."
            yield Contradiction((*path, "start"), message, cursor.start)
        if cursor.format is not None and not _is_date(cursor.start):
            message = f"'{cursor.start}' is not a date, as in 2024-01-31."
            yield Contradiction((*path, "start"), message, cursor.start)


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return re.fullmatch(r"\d{4}-\d\d-\d\d", text) is not None


def _pages(feed: "Feed") -> Iterator[Contradiction]:
    pages = getattr(feed.origin, "pages", None)
    if isinstance(pages, LinkedPages) and feed.detected_by.format != "json":
        message = "Only a JSON document names its next page: say where its records are."
        yield Contradiction(("from", "pages"), message, allowed="records: <path>")


def _postgres(feed: "Feed") -> Iterator[Contradiction]:
    origin = feed.origin
    if isinstance(origin, Postgres) and (origin.table is None) == (origin.query is None):
        yield Contradiction(("from",), "It needs a table or a query, one of them.")


_RULES: tuple[Callable[["Feed"], Iterator[Contradiction]], ...] = (
    _records,
    _columns,
    _placeholders,
    _incremental,
    _pages,
    _postgres,
)
