"""What the columns of some rows hold, by looking at their values."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import duckdb

from lakehouse.errors import TidemarkError
from lakehouse.landing.compression import UnreadableFileError
from lakehouse.landing.detection import detect
from lakehouse.landing.readers import stage_file
from lakehouse.quoting import quote_identifier, quote_literal
from lakehouse.sources import Source

Kind = Literal["code", "text", "whole", "number", "boolean", "time"]
# Rows that are looked at, and values of a column that are kept.
_ROWS = 200_000
MOST_VALUES = 100
# Share of a column's values that must be of its type: those that are not go to quarantine.
_FITTING = 0.98
# Day first before month first: where all days are up to 12, nobody can tell.
_TIME_FORMATS = (
    *("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d"),
    *("%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S"),
    *("%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%Y/%m/%d %H:%M:%S"),
)
_WHOLE, _NUMBER = r"[+-]?\d{1,18}(\.0+)?", r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
_PADDED, _ISO = r"0\d+", r"^\d{4}-\d\d-\d\d"
_TIME_NAME = re.compile(r"(^|_)(time|timestamp|date|ts|at|on|created|updated)(_|$)")
# By what seconds are multiplied to be it.
_UNIX = {1: "unix_seconds", 1000: "unix_milliseconds"}
# Names that the generated SQL uses itself.
_TAKEN = frozenset(
    {"staged_id", "rule", "rules", "row_key", "outcome", "duplicate_of", "kept", "staged"}
    | {"known_outcome", "known_duplicate_of", "loaded_at"}
)


@dataclass(frozen=True)
class LookedColumn:
    """A column of a file, as its values show it.

    Attributes:
        raw: Its name in the raw table.
        name: Its name in the dbt models: lower case, digits and underscores.
        kind: `code`: a short text; `text`: sentences.
        rows: Rows looked at.
        present: Rows in which it has a value.
        distinct: Different values.
        values: The values, sorted, where there are few.
        low, high: Smallest and largest number or time, as text.
        spread: Standard deviation, of numbers.
        time_format: How times are written, as the macro `as_time` has it.
    """

    raw: str
    name: str
    kind: Kind
    rows: int
    present: int
    distinct: int
    values: tuple[str, ...] = ()
    low: str = ""
    high: str = ""
    spread: float | None = None
    time_format: str | None = None

    @property
    def is_unique(self) -> bool:
        """Whether it tells the rows apart."""
        return self.present == self.rows == self.distinct and self.rows > 1

    @property
    def is_constant(self) -> bool:
        """Whether it says the same of all rows, or nothing."""
        return self.distinct < 2


@dataclass(frozen=True)
class LookedFile:
    """A file that was looked at: its columns, its rows, and lines that cannot be read."""

    columns: tuple[LookedColumn, ...]
    rows: int
    rejected: int


def look_at_file(path: Path, engine: duckdb.DuckDBPyConnection) -> LookedFile:
    """The columns of a file, read as landing reads it.

    Raises:
        TidemarkError: There is no such file, it cannot be read, or it has no rows.
    """
    if not path.is_file():
        raise TidemarkError(f"There is no file {path}.", hint=f"You are in {Path.cwd()}.")
    with TemporaryDirectory(prefix="tidemark-look-") as folder:
        try:
            staged = stage_file(
                path,
                detect(path, path.name),
                source=Source(name="looked", columns=()),
                key=f"looked/{path.name}",
                folder=Path(folder),
                engine=engine,
            )
        except UnreadableFileError as error:
            raise TidemarkError(
                f"{path} cannot be read: {error.message}",
                hint="CSV, JSON lines, JSON and Parquet are understood.",
            ) from error
        if not staged.loaded:
            raise TidemarkError(f"{path} has no rows.", hint="Give a file with some rows.")
        files = ", ".join(quote_literal(str(file)) for file in staged.rows)
        engine.execute(
            "create or replace temp table looked as from"
            f" read_parquet([{files}], union_by_name => true) limit {_ROWS}"
        )
    columns = look_at_relation(engine, "looked", staged.columns)
    return LookedFile(columns, staged.loaded, staged.rejected_lines)


def look_at_relation(
    engine: duckdb.DuckDBPyConnection, relation: str, names: Sequence[str]
) -> tuple[LookedColumn, ...]:
    """The columns of a relation of the engine whose values are texts."""
    taken: set[str] = set()
    found = []
    for raw in names:
        name = _free(sql_name(raw, engine), taken)
        taken.add(name)
        found.append(_look(engine, relation, raw, name))
    return tuple(found)


def sql_name(raw: str, engine: duckdb.DuckDBPyConnection) -> str:
    """The name as SQL takes it without quotes.

    >>> sql_name("Customer ID", duckdb.connect()), sql_name("2.º año €", duckdb.connect())
    ('customer_id', 'column_2_o_ano')
    """
    plain = unicodedata.normalize("NFKD", raw).encode("ascii", "ignore").decode()
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", plain)
    name = re.sub(r"[^a-z0-9]+", "_", spaced.lower()).strip("_") or "column"
    if name[0].isdigit():
        name = f"column_{name}"
    reserved = engine.execute(
        "select 1 from duckdb_keywords() where keyword_category = 'reserved' and keyword_name = ?",
        [name],
    ).fetchall()
    return f"{name}_value" if reserved or name in _TAKEN else name


def _free(name: str, taken: set[str]) -> str:
    number, candidate = 1, name
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    return candidate


@dataclass(frozen=True)
class _Counts:
    """What a query counts of a column's values, blank ones being none.

    Attributes:
        rows, present, distinct: All, those with a value, and the different values.
        whole, padded, number, boolean, iso: Values written as whole numbers, with zeros before,
            as numbers, as true or false, as times in ISO 8601.
        length, words: Their means.
        low, high, spread: Of the values as numbers.
        first, last: Of the values as times.
        by_format: Values that each of `_TIME_FORMATS` reads.
    """

    rows: int
    present: int
    distinct: int
    whole: int
    padded: int
    number: int
    boolean: int
    iso: int
    length: float | None
    words: float | None
    low: float | None
    high: float | None
    spread: float | None
    first: str | None
    last: str | None
    by_format: list[int]


def _look(engine: duckdb.DuckDBPyConnection, relation: str, raw: str, name: str) -> LookedColumn:
    value = f"nullif(trim({quote_identifier(raw)}), '')"
    counts = _count(engine, relation, value)
    kind, time_format = _judged(counts, name)
    low, high = _range(counts, kind, time_format)
    return LookedColumn(
        *(raw, name, kind, counts.rows, counts.present, counts.distinct),
        values=_values(engine, relation, value) if counts.distinct <= MOST_VALUES else (),
        low=low,
        high=high,
        spread=counts.spread if kind in ("whole", "number") else None,
        time_format=time_format,
    )


def _count(engine: duckdb.DuckDBPyConnection, relation: str, value: str) -> _Counts:
    formats = [
        f"count(try_strptime(v, {quote_literal(time_format)}))" for time_format in _TIME_FORMATS
    ]
    row = engine.execute(
        f"""
        with looked_values as (select {value} as v from {relation})
        select
            count(*), count(v), count(distinct v),
            count(*) filter (regexp_full_match(v, '{_WHOLE}')),
            count(*) filter (regexp_full_match(v, '{_PADDED}')),
            count(*) filter (regexp_full_match(v, '{_NUMBER}')),
            count(*) filter (regexp_full_match(lower(v), 'true|false|yes|no')),
            count(*) filter (
                regexp_matches(v, '{_ISO}') and try_cast(v as timestamptz) is not null
            ),
            avg(length(v)), avg(length(v) - length(replace(v, ' ', '')) + 1),
            min(try_cast(v as double)), max(try_cast(v as double)),
            stddev_samp(try_cast(v as double)) filter (isfinite(try_cast(v as double))),
            min(try_cast(v as timestamptz))::varchar, max(try_cast(v as timestamptz))::varchar,
            [{", ".join(formats)}]
        from looked_values
        """  # noqa: S608 - a quoted name and patterns of this module
    ).fetchone()
    assert row is not None  # noqa: S101 - an aggregate has a row
    return _Counts(*row)


def _judged(counts: _Counts, name: str) -> tuple[Kind, str | None]:
    """The kind of the column, and how its times are written where not in ISO 8601."""
    enough = max(counts.present * _FITTING, 1)
    if counts.iso >= enough:
        return "time", None
    if max(counts.by_format) >= enough:
        return "time", _TIME_FORMATS[counts.by_format.index(max(counts.by_format))]
    if counts.boolean >= enough:
        return "boolean", None
    if counts.whole >= enough and not counts.padded:
        unix = _unix(name, counts.low, counts.high)
        return ("time", unix) if unix else ("whole", None)
    if counts.number >= enough and not counts.padded:
        return "number", None
    sentences = (counts.words or 0) >= 4 and (counts.length or 0) >= 20
    varied = counts.distinct > 0.2 * counts.present
    return ("text" if sentences and varied else "code"), None


def _range(counts: _Counts, kind: Kind, time_format: str | None) -> tuple[str, str]:
    """Smallest and largest value, as text; empty where the values have none that is known."""
    low: float | str | None = None
    high: float | str | None = None
    if kind in ("whole", "number") or time_format in _UNIX.values():
        low, high = counts.low, counts.high
    elif kind == "time" and time_format is None:
        low, high = counts.first, counts.last
    return "" if low is None else _plain(low), "" if high is None else _plain(high)


def _unix(name: str, low: float | None, high: float | None) -> str | None:
    """How whole numbers tell times, if their name and size say that they do: 1990 to 2100."""
    if low is None or high is None or not _TIME_NAME.search(name):
        return None
    fitting = (name for by, name in _UNIX.items() if low >= 6.3e8 * by and high <= 4.1e9 * by)
    return next(fitting, None)


def _plain(value: float | str) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _values(engine: duckdb.DuckDBPyConnection, relation: str, value: str) -> tuple[str, ...]:
    query = f"select distinct {value} as v from {relation} where v is not null order by v"  # noqa: S608
    return tuple(str(row[0]) for row in engine.execute(query).fetchall())
