"""Profiles of the sources: what stands in each column, computed in SQL in one pass."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from lakehouse.connection import Lake
from lakehouse.landing.raw_table import raw_columns, raw_table
from lakehouse.quoting import quote_identifier, quote_literal
from lakehouse.sources import Source

TOP_VALUES = 5
_SHOWN = 80
_MEASURES = (
    "rows",
    "values",
    "numbers",
    "distinct_count",
    "minimum",
    "maximum",
    "smallest",
    "largest",
    "shortest",
    "longest",
    "mean_length",
    "top_values",
    "format_matches",
)


@dataclass(frozen=True)
class ColumnProfile:
    """One row of `monitoring.profiles`: a column of a source.

    Attributes:
        nulls: Values that are NULL or blank; they count as missing everywhere below.
        null_share: Their share, from 0 to 1; None without rows.
        distinct_count: Approximate number of different values (HyperLogLog).
        minimum: Smallest value: as a number where all values are numbers, else as text; cut.
        maximum: Largest value, likewise.
        shortest: Characters of the shortest value; `longest` and `mean_length` likewise.
        top_values: JSON list of the most frequent values (approximate, cut), most frequent first.
        format: Regular expression that values should match in full, if one is declared.
        format_mismatches: Values that do not.
        completeness: 1 - null_share; `complete`: whether it reaches the threshold.
    """

    source: str
    column_name: str
    rows: int
    nulls: int
    null_share: float | None
    distinct_count: int
    minimum: str | None
    maximum: str | None
    shortest: int | None
    longest: int | None
    mean_length: float | None
    top_values: str
    format: str | None
    format_mismatches: int | None
    completeness: float | None
    completeness_threshold: float
    complete: bool | None
    profiled_at: datetime
    load_id: int


def profile_source(lake: Lake, source: Source) -> list[ColumnProfile]:
    """Profiles every column of the source's raw table and adds the rows to `monitoring.profiles`.

    It is one pass over the whole raw table, so its cost grows with the history: 1M reviews take
    a few seconds. A source without a load newer than its last profile is skipped.

    Returns:
        The profiles, by column in the table's order; empty if skipped or never loaded.
    """
    load_id = _newest(lake, "lake.ops.file_ledger", source, "and status = 'loaded'")
    if load_id <= _newest(lake, "lake.monitoring.profiles", source):
        return []
    with lake.connection() as connection:
        columns = raw_columns(connection, source)
    measured = lake.rows(_query(source, columns))[0]
    now = datetime.now(UTC)
    width = len(_MEASURES)
    profiles = [
        _profile(
            source,
            column,
            dict(zip(_MEASURES, measured[position * width : (position + 1) * width], strict=True)),
            profiled_at=now,
            load_id=load_id,
        )
        for position, column in enumerate(columns)
    ]
    _record(lake, profiles)
    return profiles


def _newest(lake: Lake, table: str, source: Source, condition: str = "") -> int:
    """The newest load id of the source in the table; 0, which no load has, if there is none."""
    query = f"select coalesce(max(load_id), 0) from {table} where source = $1 {condition}"  # noqa: S608 - constants
    return int(lake.rows(query, [source.name])[0][0])


def _query(source: Source, columns: Sequence[str]) -> str:
    """One row with all measures of all columns, in the order of `_MEASURES`."""
    blank = "e' \\t\\r\\n'"
    values = [
        f"nullif(trim({quote_identifier(column)}, {blank}), '') as v{position}"
        for position, column in enumerate(columns)
    ]
    measures = [
        _measures(f"v{position}", source.formats.get(column))
        for position, column in enumerate(columns)
    ]
    return (
        f"select {', '.join(measures)} from (select {', '.join(values)} from {raw_table(source)})"  # noqa: S608 - quoted
    )


def _measures(value: str, pattern: str | None) -> str:
    number = f"try_cast({value} as double)"
    matches = (
        "null"
        if pattern is None
        else f"count(*) filter (regexp_full_match({value}, {quote_literal(pattern)}))"
    )
    return (
        f"count(*), count({value}), count({number}), approx_count_distinct({value}),"
        f" left(min({value}), {_SHOWN}), left(max({value}), {_SHOWN}),"
        f" left(arg_min({value}, {number}), {_SHOWN}), left(arg_max({value}, {number}), {_SHOWN}),"
        f" min(length({value})), max(length({value})), avg(length({value})),"
        f" approx_top_k(left({value}, {_SHOWN}), {TOP_VALUES}), {matches}"
    )


def _profile(
    source: Source, column: str, measured: dict[str, Any], *, profiled_at: datetime, load_id: int
) -> ColumnProfile:
    rows, values = measured["rows"], measured["values"]
    completeness = values / rows if rows else None
    threshold = source.completeness_of(column)
    all_numbers = values == measured["numbers"]
    pattern = source.formats.get(column)
    return ColumnProfile(
        source=source.name,
        column_name=column,
        rows=rows,
        nulls=rows - values,
        null_share=None if completeness is None else 1 - completeness,
        distinct_count=measured["distinct_count"],
        minimum=measured["smallest" if all_numbers else "minimum"],
        maximum=measured["largest" if all_numbers else "maximum"],
        shortest=measured["shortest"],
        longest=measured["longest"],
        mean_length=measured["mean_length"],
        top_values=json.dumps(measured["top_values"] or [], ensure_ascii=False),
        format=pattern,
        format_mismatches=None if pattern is None else values - measured["format_matches"],
        completeness=completeness,
        completeness_threshold=threshold,
        complete=None if completeness is None else completeness >= threshold,
        profiled_at=profiled_at,
        load_id=load_id,
    )


def _record(lake: Lake, profiles: Sequence[ColumnProfile]) -> None:
    import pyarrow as pa

    with lake.write("profile") as write:
        write.connection.register(
            "profiles", pa.Table.from_pylist([asdict(profile) for profile in profiles])
        )
        write.connection.execute("insert into lake.monitoring.profiles by name from profiles")
        write.connection.unregister("profiles")
