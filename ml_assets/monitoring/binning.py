"""Bins for features, laid by the rows that a model was trained on, in SQL."""

import math
from collections.abc import Sequence
from typing import Any

import duckdb

from lakehouse.quoting import quote_identifier as quoted
from ml_assets.frames import FeatureColumns
from ml_assets.monitoring.distributions import FeatureBins

_QUANTILES = tuple(share / 10 for share in range(1, 10))
# A number with so few different values gets a bin for each of them.
_MAX_EXACT_NUMBERS = 15
_MAX_CATEGORIES = 50


def number_expression(bins: FeatureBins) -> str:
    """The feature as a DOUBLE, null where it is not finite; a text as its length in characters."""
    if bins.kind == "text_length":
        return f"length({quoted(bins.column)})::double"
    number = f"{quoted(bins.column)}::double"
    # histogram() counts NaN in the first bin.
    return f"case when isfinite({number}) then {number} end"


def lay_bins(
    connection: duckdb.DuckDBPyConnection,
    columns: FeatureColumns,
    *,
    rows: str,
    sample: str,
    parameters: dict[str, Any],
) -> tuple[FeatureBins, ...]:
    """Bins for each column: deciles (or values) of the sample between the extremes of all rows.

    Args:
        connection: An engine that reads what the queries name.
        columns: What to lay bins for: texts get them for their length.
        rows: Query of all rows.
        sample: Query of some rows that stand for all; quantiles cost too much on all of them.
        parameters: Of both queries.
    """
    numeric = [FeatureBins(f"length({name})", name, "text_length") for name in columns.text]
    numeric += [FeatureBins(name, name, "numeric") for name in columns.numeric]
    edges = _edges(connection, numeric, rows=rows, sample=sample, parameters=parameters)
    laid = {
        bins.column: FeatureBins(bins.name, bins.column, bins.kind, edges=found)
        for bins, found in zip(numeric, edges, strict=True)
    }
    for name in columns.categorical:
        values = _categories(connection, name, rows, parameters)
        laid[name] = FeatureBins(name, name, "categorical", values=values)
    return tuple(laid[name] for name in columns.all)


def _edges(
    connection: duckdb.DuckDBPyConnection,
    numeric: Sequence[FeatureBins],
    *,
    rows: str,
    sample: str,
    parameters: dict[str, Any],
) -> list[tuple[float, ...]]:
    if not numeric:
        return []
    names = [number_expression(bins) for bins in numeric]
    inner = ", ".join(
        f"case when count(distinct {x}) <= {_MAX_EXACT_NUMBERS}"
        f" then list(distinct {x}) else quantile_disc({x}, {list(_QUANTILES)}) end"
        for x in names
    )
    extremes = ", ".join(f"min({x}), max({x})" for x in names)
    inner_row = connection.execute(f"select {inner} from ({sample})", parameters).fetchone()  # noqa: S608
    extreme_row = connection.execute(f"select {extremes} from ({rows})", parameters).fetchone()  # noqa: S608
    if inner_row is None or extreme_row is None:
        raise RuntimeError("An aggregate without groups returned no row.")
    return [
        numeric_edges(found, low=extreme_row[2 * index], high=extreme_row[2 * index + 1])
        for index, found in enumerate(inner_row)
    ]


def numeric_edges(
    inner: Sequence[float | None] | None, *, low: float | None, high: float | None
) -> tuple[float, ...]:
    """Ascending edges: just below the smallest value, the inner ones, the largest value.

    The outermost two make bins of their own for what lies outside the reference's range; a
    constant column would otherwise hide a move to smaller values.

    >>> [round(edge, 6) for edge in numeric_edges([2.0, 3.0, 3.0], low=1.0, high=9.0)]
    [1.0, 2.0, 3.0, 9.0]
    >>> numeric_edges(None, low=None, high=None)
    ()
    """
    if low is None or high is None:
        return ()
    within = {edge for edge in inner or () if edge is not None and low <= edge <= high}
    return tuple(sorted({math.nextafter(low, -math.inf), *within, high}))


def _categories(
    connection: duckdb.DuckDBPyConnection, column: str, rows: str, parameters: dict[str, Any]
) -> tuple[str, ...]:
    name = quoted(column)
    found = connection.execute(
        f"select {name}::varchar from ({rows}) where {name} is not null"  # noqa: S608
        f" group by all order by count(*) desc, 1 limit {_MAX_CATEGORIES}",
        parameters,
    ).fetchall()
    return tuple(str(value) for (value,) in found)
