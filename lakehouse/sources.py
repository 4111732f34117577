"""The declared sources: which raw tables there are and what their columns should look like.

A raw table is declared where dbt looks for it anyway: in a `_sources.yml` under the dbt project's
`models/staging/`, as a table of the dbt source `raw`. Files land in a folder of its name; other
folders fill it too where a declaration in `sources/` says so (`lakehouse.feeds`).
"""

import difflib
import re
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import yaml
from pydantic import BaseModel, ConfigDict, Field

from lakehouse.errors import TidemarkError
from lakehouse.feeds.document import Feed
from lakehouse.landing.naming import PLATFORM_COLUMNS, RESERVED, fold

DBT_SOURCE_NAME = "raw"
DEFAULT_COMPLETENESS = 0.8
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Source(BaseModel):
    """A raw table: files land in its folders and become rows of `raw.<name>`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="Name of the raw table.")
    columns: tuple[str, ...] = Field(description="Declared columns, in their order.")
    completeness: Mapping[str, float] = Field(
        default_factory=dict, description="Share of values that must be there, by column."
    )
    formats: Mapping[str, str] = Field(
        default_factory=dict, description="Regular expression that values match in full, by column."
    )

    feeds: tuple[Feed, ...] | None = Field(
        None, description="What fills it; None: the folder of its name, read as it is."
    )

    @property
    def by_folder(self) -> Mapping[str, Feed]:
        """What fills it, by the landing folder."""
        feeds = (_plain_feed(self.name),) if self.feeds is None else self.feeds
        return {feed.name: feed for feed in feeds}

    def feed_of(self, key: str) -> Feed:
        """What a landed file belongs to, by its key below the landing zone."""
        return self.by_folder[key.partition("/")[0]]

    def completeness_of(self, column: str) -> float:
        """The share of values that must be there; undeclared columns have the default."""
        return self.completeness.get(column, DEFAULT_COMPLETENESS)


def load_sources(dbt_project: Path) -> dict[str, Source]:
    """The declared sources by name, out of every `models/staging/**/_sources.yml`.

    Raises:
        TidemarkError: A file is not valid YAML or declares something that cannot be; says which
            file and line.
    """
    sources: dict[str, Source] = {}
    for file in sorted((dbt_project / "models" / "staging").glob("**/_sources.yml")):
        for source, place in _sources_in(file):
            if source.name in sources:
                raise place.error(f"the source '{source.name}' is declared twice")
            sources[source.name] = source
    return sources


def with_feeds(
    sources: Mapping[str, Source], feeds: Iterable[Feed], *, broken: Collection[str] = ()
) -> dict[str, Source]:
    """The raw tables with what fills each.

    Args:
        sources: The raw tables by name.
        feeds: The declarations that fit them.
        broken: Names of declarations with errors: what landed in their folders waits.
    """
    declared = list(feeds)
    taken = {feed.name for feed in declared} | set(broken)
    return {
        name: source.model_copy(
            update={
                "feeds": (
                    *(() if name in taken else (_plain_feed(name),)),
                    *(feed for feed in declared if feed.table == name),
                )
            }
        )
        for name, source in sources.items()
    }


def _plain_feed(name: str) -> Feed:
    """Files in the folder of a raw table's own name, read as they are."""
    # The name was checked with its table.
    return Feed.model_construct(name=name)


def landing_folders(sources: Iterable[Source]) -> dict[str, Source]:
    """The folders of the landing zone, each with the raw table that its files go to."""
    return {folder: source for source in sources for folder in source.by_folder}


def find_source(sources: Mapping[str, Source], name: str) -> Source:
    """The source of that name.

    Raises:
        TidemarkError: There is none; names the declared ones and the nearest.
    """
    if name in sources:
        return sources[name]
    declared = ", ".join(sorted(sources)) or "none"
    nearest = difflib.get_close_matches(name, list(sources), n=1)
    hint = (
        f"Did you mean '{nearest[0]}'?"
        if nearest
        else "Declare it in dbt_project/models/staging/<source>/_sources.yml."
    )
    raise TidemarkError(f"No source '{name}'; declared: {declared}.", hint=hint)


class _Place:
    """A mapping in a YAML file, to be named in errors."""

    def __init__(self, file: Path, line: int) -> None:
        self._text = f"{file}, line {line}"

    def error(self, problem: str) -> TidemarkError:
        return TidemarkError(
            f"{self._text}: {problem}.",
            hint="A source is a table of the dbt source 'raw': a name and a list of columns.",
        )


_Places = Callable[[object], _Place]


class _LineLoader(yaml.SafeLoader):
    """Loads YAML and remembers the line of each mapping."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.lines: dict[int, int] = {}

    def construct_yaml_map(self, node: yaml.MappingNode) -> Generator[dict[Any, Any], None, None]:
        data: dict[Any, Any] = {}
        self.lines[id(data)] = node.start_mark.line + 1
        yield data
        data.update(self.construct_mapping(node))


_LineLoader.add_constructor("tag:yaml.org,2002:map", _LineLoader.construct_yaml_map)


def _sources_in(file: Path) -> Iterator[tuple[Source, _Place]]:
    try:
        loader = _LineLoader(file.read_text(encoding="utf-8"))
        document = loader.get_single_data() or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or error
        raise _Place(file, mark.line + 1 if mark else 1).error(
            f"not valid YAML ({problem})"
        ) from error

    def place(mapping: object) -> _Place:
        return _Place(file, loader.lines.get(id(mapping), 1))

    for entry in _mappings(document, "sources", place):
        if entry.get("name") == DBT_SOURCE_NAME:
            for table in _mappings(entry, "tables", place):
                yield _source(table, place), place(table)


def _mappings(parent: Any, key: str, place: _Places) -> Iterator[dict[str, Any]]:
    """The mappings listed under the key; anything else there is an error."""
    items = parent.get(key) or [] if isinstance(parent, dict) else None
    if not isinstance(items, list):
        raise place(parent).error(f"'{key}' must be a list")
    for item in items:
        if not isinstance(item, dict):
            raise place(parent).error(f"each of '{key}' must be a mapping, not {item!r}")
        yield item


def _source(table: dict[str, Any], place: _Places) -> Source:
    name = table.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise place(table).error(
            f"the source's name is {name!r}; it needs lowercase letters, digits and _"
        )
    columns: list[str] = []
    completeness: dict[str, float] = {}
    formats: dict[str, str] = {}
    default = _completeness(table, DEFAULT_COMPLETENESS, place)
    for column in _mappings(table, "columns", place):
        column_name = column.get("name")
        if not isinstance(column_name, str) or not column_name:
            raise place(column).error(f"a column of '{name}' has no name")
        if column_name in PLATFORM_COLUMNS:
            # Declared for dbt, which tests and describes them; every raw table has them anyway.
            continue
        if fold(column_name) in RESERVED:
            raise place(column).error(f"the name '{column_name}' is the lake's own")
        if fold(column_name) in map(fold, columns):
            raise place(column).error(f"the column '{column_name}' of '{name}' is there twice")
        columns.append(column_name)
        completeness[column_name] = _completeness(column, default, place)
        if pattern := _meta(column, place).get("formats"):
            formats[column_name] = _format(pattern, place(column))
    if not columns:
        raise place(table).error(f"the source '{name}' declares no columns")
    return Source(name=name, columns=tuple(columns), completeness=completeness, formats=formats)


def _meta(entry: dict[str, Any], place: _Places) -> dict[str, Any]:
    config = entry.get("config") or {}
    meta = config.get("meta") or {} if isinstance(config, dict) else None
    if not isinstance(meta, dict):
        raise place(entry).error("'config' and its 'meta' must be mappings")
    return meta


def _completeness(entry: dict[str, Any], default: float, place: _Places) -> float:
    value = _meta(entry, place).get("completeness", default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise place(entry).error(f"completeness is {value!r}; it is a share from 0 to 1")
    return float(value)


def _format(pattern: Any, place: _Place) -> str:
    """One regular expression for the format or the list of formats, checked by the engine."""
    patterns = pattern if isinstance(pattern, list) else [pattern]
    if not all(isinstance(item, str) for item in patterns):
        raise place.error(f"formats is {pattern!r}; it is a regular expression or a list of them")
    joined = str(patterns[0]) if len(patterns) == 1 else "|".join(f"(?:{p})" for p in patterns)
    try:
        with duckdb.connect() as engine:
            engine.execute("select regexp_full_match('', $1)", [joined])
    except duckdb.Error as error:
        raise place.error(f"the format {joined!r} is no regular expression ({error})") from error
    return joined
