"""Reading the folder of source declarations, and checking them against the declared raw tables."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakehouse.declaration.errors import FieldPath, SpecError, SpecSource, nearest_of
from lakehouse.declaration.folder import BrokenSpec, ParsedSpec, SpecFolder, load_folder, parse
from lakehouse.declaration.messages import Language
from lakehouse.errors import TidemarkError
from lakehouse.feeds.document import Feed
from lakehouse.feeds.origins import Http

if TYPE_CHECKING:
    from lakehouse.sources import Source

_LANGUAGE = Language(Feed, title="A source", example="name: banxico_fix")


def parse_feed(text: str, file: str) -> ParsedSpec[Feed]:
    """The source in the YAML text, or all errors of it; never raises on any text."""
    return parse(text, file, _language_of)


def load_feeds(folder: Path, tables: Mapping[str, "Source"]) -> SpecFolder[Feed]:
    """The sources of the folder's files that fit the raw tables, the broken ones apart.

    Args:
        folder: The folder; one that is not there declares nothing.
        tables: The raw tables by name, as dbt declares them.
    """
    if not folder.is_dir():
        return SpecFolder({}, {}, ())
    read = load_folder(folder, _language_of)
    good, broken = {}, list(read.broken)
    for name, feed in read.specs.items():
        place = read.sources[name]
        if errors := misfits(feed, tables, place):
            broken.append(BrokenSpec(place.file, name, tuple(errors)))
        else:
            good[name] = feed
    return SpecFolder(good, {name: read.sources[name] for name in good}, tuple(broken))


def _language_of(_: Any) -> Language[Feed]:
    return _LANGUAGE


def find_feed(feeds: Mapping[str, Feed], name: str) -> Feed:
    """The source of that name.

    Raises:
        TidemarkError: There is none; names the declared ones and the nearest.
    """
    if name in feeds:
        return feeds[name]
    nearest = nearest_of(name, feeds)
    raise TidemarkError(
        f"No source '{name}' is declared; there are: {', '.join(feeds) or 'none'}.",
        hint=f"Did you mean '{nearest}'?" if nearest else "Declare it in sources/<name>.yaml.",
    )


def misfits(feed: Feed, tables: Mapping[str, "Source"], place: SpecSource) -> list[SpecError]:
    """What in the declaration does not fit the declared raw tables, by line."""
    table = tables.get(feed.table)
    if table is None:
        path: FieldPath = ("into",) if feed.into else ("name",)
        return [
            place.error(
                path,
                f"There is no raw table '{feed.table}': declare it and its columns in a"
                " _sources.yml of the dbt project.",
                value=feed.table,
                allowed=", ".join(sorted(tables)),
                nearest=nearest_of(feed.table, tables),
            )
        ]
    if feed.name in tables and feed.table != feed.name:
        message = f"'{feed.name}' is a raw table, and its folder's rows go there."
        return [place.error(("into",), message, value=feed.table, allowed=feed.name)]
    uses: list[tuple[FieldPath, str]] = [(("columns", name), name) for name in feed.columns]
    if isinstance(feed.origin, Http) and feed.origin.incremental:
        uses.append((("from", "incremental", "column"), feed.origin.incremental.column))
    return [
        place.error(
            path,
            f"The raw table '{table.name}' declares no column '{name}'.",
            value=name,
            allowed=", ".join(table.columns),
            nearest=nearest_of(name, table.columns),
            at_key=path[0] == "columns",
        )
        for path, name in uses
        if name not in table.columns
    ]
