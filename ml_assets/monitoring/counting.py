"""Counts per window, segment, feature and bin: one pass over the rows, in SQL."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb

from lakehouse.quoting import quote_identifier as quoted
from ml_assets.frames import MISSING_CATEGORY
from ml_assets.monitoring.binning import number_expression
from ml_assets.monitoring.distributions import ALL, FeatureBins


@dataclass(frozen=True)
class BinnedFeature:
    """One feature in one window and segment: rows per bin (nulls last) and its range."""

    counts: tuple[int, ...]
    minimum: float | None
    maximum: float | None


@dataclass(frozen=True)
class BinnedGroup:
    """All features in one window and segment, in the order of the bins asked for."""

    window_start: datetime | None
    segment: str
    rows: int
    features: tuple[BinnedFeature, ...]


def segment_name(column: str, value: str) -> str:
    """How a segment is called: `column=value`.

    >>> segment_name("language", "es")
    'language=es'
    """
    return f"{column}={value}"


def segment_expression(column: str) -> str:
    """The column's value as the text that names its segment; null is `(missing)`."""
    return f"coalesce({quoted(column)}::varchar, '{MISSING_CATEGORY}')"


def count_bins(
    connection: duckdb.DuckDBPyConnection,
    bins: Sequence[FeatureBins],
    *,
    rows: str,
    parameters: Mapping[str, Any],
    segments: Mapping[str, Sequence[str]],
    window: str = "null::timestamptz",
) -> list[BinnedGroup]:
    """Counts of all features in each window, for all rows and for each of the segments' values.

    Segments are grouping sets of one scan, so each further segment column costs an aggregation,
    not a pass.

    Args:
        connection: An engine that reads what the query names.
        bins: The features and their bins.
        rows: Query of the rows to count.
        parameters: Of the query.
        segments: Values to count apart, by segment column.
        window: SQL expression of a row's window start.
    """
    features = [_FeatureSql(index, one) for index, one in enumerate(bins)]
    segment_columns = list(segments)
    values = {f"segment_{i}_values": list(segments[name]) for i, name in enumerate(segment_columns)}
    # A column with a million values must not make a million groups: only known ones are kept.
    segment_values = [
        f"case when list_contains($segment_{i}_values::varchar[], {segment_expression(name)})"
        f" then {segment_expression(name)} end as s{i}"
        for i, name in enumerate(segment_columns)
    ]
    names = [f"s{i}" for i in range(len(segment_columns))]
    sets = ", ".join(["(w)", *(f"(w, {name})" for name in names)])
    selected = [
        "w", *names, *(f"grouping({name})" for name in names), "count(*)",
        *(feature.aggregates for feature in features),
    ]  # fmt: skip
    query = (
        f"with counted as (select {window} as w,"  # noqa: S608 - quoted names, bound values
        f" {', '.join([*segment_values, *(one.value for one in features)])} from ({rows}))"
        f" select {', '.join(selected)} from counted group by grouping sets ({sets})"
        " order by w"
    )
    bound = dict(parameters) | values
    for feature in features:
        bound |= feature.parameters
    found = connection.execute(query, bound).fetchall()
    return list(_groups(found, features, segment_columns))


def _groups(
    found: Sequence[tuple[Any, ...]], features: "Sequence[_FeatureSql]", columns: Sequence[str]
) -> Iterator[BinnedGroup]:
    n = len(columns)
    for row in found:
        segment = ALL
        for index, column in enumerate(columns):
            if row[1 + n + index] == 0:
                segment = "" if row[1 + index] is None else segment_name(column, row[1 + index])
        rows = int(row[1 + 2 * n])
        if not segment or not rows:
            continue
        values = row[2 + 2 * n :]
        yield BinnedGroup(
            window_start=None if row[0] is None else row[0].astimezone(UTC),
            segment=segment,
            rows=rows,
            features=tuple(
                feature.binned(values[3 * index : 3 * index + 3], rows)
                for index, feature in enumerate(features)
            ),
        )


class _FeatureSql:
    """How one feature is counted: its expression, its aggregates, and reading them back."""

    def __init__(self, index: int, bins: FeatureBins) -> None:
        self._bins = bins
        upper, column = f"upper_{index}", f"x{index}"
        self.parameters: dict[str, Any] = {}
        if bins.kind == "categorical":
            name, values = quoted(bins.column), f"values_{index}"
            # Position 0 is any other value.
            self.value = (
                f"case when {name} is not null then coalesce(list_position("
                f"${values}::varchar[], {name}::varchar), 0) end::bigint as {column}"
            )
            self.parameters[values] = list(bins.values)
            self.parameters[upper] = list(range(len(bins.values) + 1))
            bounds, extremes = f"${upper}::bigint[]", "null::double, null::double"
        else:
            self.value = f"{number_expression(bins)} as {column}"
            # Bound as doubles: decimal literals in histogram() give wrong counts.
            self.parameters[upper] = [*bins.edges, math.inf]
            bounds, extremes = f"${upper}::double[]", f"min({column}), max({column})"
        self.aggregates = f"map_values(histogram({column}, {bounds})), {extremes}"

    def binned(self, values: Sequence[Any], rows: int) -> BinnedFeature:
        """The counts with the bin of nulls; histogram() is null where all rows are."""
        counted, minimum, maximum = values
        counts = [int(count) for count in counted or [0] * (self._bins.n_bins - 1)]
        return BinnedFeature((*counts, rows - sum(counts)), minimum, maximum)
