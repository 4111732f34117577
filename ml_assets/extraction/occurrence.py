"""How often each field has a value, and which: by window, and against the version's first run."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb

from lakehouse.connection import Lake
from lakehouse.quoting import quote_identifier as quoted
from lakehouse.quoting import quote_literal
from ml_assets.extraction.quality import wilson
from ml_assets.extraction.table import extractions_table
from ml_assets.feature_rows import feature_rows
from ml_assets.frames import FeatureColumns
from ml_assets.monitoring.binning import lay_bins
from ml_assets.monitoring.counting import count_bins
from ml_assets.monitoring.distributions import ALL, Distribution
from ml_assets.monitoring.drift_rows import DriftRow, drift_rows
from ml_assets.monitoring.recording import Measurement, MonitorTable
from ml_assets.monitoring.windows import (
    MonitoredRows,
    pending_windows,
    rows_by_window,
    window_end,
)
from ml_assets.spec.extraction import ExtractionSpec
from ml_assets.spec.extraction_sections import ExtractionField
from ml_assets.spec.operating_sections import Monitors, WindowKind

# No field can have this name.
EVENT_TIME = "event time"
_TOP_VALUES = 5


@dataclass(frozen=True)
class OccurrenceRow:
    """A row of `monitoring.extractions`: one field in one window.

    `share` is of the rows that have a value, `low` and `high` the ends of its interval (Wilson,
    95 %), `top_values` JSON: the most frequent values with the rows that have them.
    """

    model: str
    model_version: int
    window_start: datetime
    window_end: datetime
    field: str
    rows: int
    rows_with_value: int
    share: float
    low: float
    high: float
    mentions: int
    top_values: str
    measured_at: datetime
    run_id: str


@dataclass(frozen=True)
class FirstRun:
    """What a version's first run has found, which later windows are compared with.

    Nothing is trained, so there is no training set to compare with.

    Attributes:
        known_until: Newest event time of its rows (UTC); later windows can raise alarms.
        fields: The fields in its rows.
    """

    known_until: datetime
    fields: Distribution


def first_run(lake: Lake, spec: ExtractionSpec, version: int) -> FirstRun | None:
    """The version's first run, or None where it has read no row with an event time yet."""
    known_until = first_run_until(lake, spec, version)
    if known_until is None:
        return None
    query, parameters = _first_rows(spec, version)
    with lake.connection() as connection:
        fields = _distribution(connection, spec, query, parameters)
    return FirstRun(known_until, fields)


def first_run_until(lake: Lake, spec: ExtractionSpec, version: int) -> datetime | None:
    """Newest event time (UTC) of the rows of the version's first run, or None without such rows."""
    query, parameters = _first_rows(spec, version)
    with lake.connection() as connection:
        found = connection.execute(
            f"select max({quoted(EVENT_TIME)}::timestamptz) from ({query})",  # noqa: S608
            parameters,
        ).fetchone()
    return None if found is None or found[0] is None else found[0].astimezone(UTC)


def _first_rows(spec: ExtractionSpec, version: int) -> tuple[str, dict[str, Any]]:
    rows = extracted_rows(spec, version)
    table = f"lake.ml.{quoted(extractions_table(spec.name))}"
    query = (
        f"select * from ({rows.query}) where run_id = (select run_id from {table}"  # noqa: S608
        " where model_version = $version order by scored_at, run_id limit 1)"
    )
    return query, dict(rows.parameters)


def measure_occurrence(
    lake: Lake, spec: ExtractionSpec, reference: FirstRun, measurement: Measurement
) -> list[DriftRow]:
    """Measures each window whose number of rows has changed, and records it.

    Rows go to `monitoring.extractions` first and to `monitoring.drift` then: a window counts as
    measured by the latter, so that a run that dies in between is made up for.

    Returns:
        The rows of `monitoring.drift` that were written.
    """
    monitors, kind = as_monitors(spec), spec.monitors.window
    owner = {"model": spec.name, "model_version": measurement.version}
    table = MonitorTable("drift", {**owner, "kind": "prediction"})
    rows = extracted_rows(spec, measurement.version)
    pending = pending_windows(
        rows_by_window(lake, rows, kind), table.measured_windows(lake, segment=ALL)
    )
    drifts: list[DriftRow] = []
    occurrences: list[OccurrenceRow] = []
    if pending.measure:
        inside = rows.inside(pending.measure, kind)
        with lake.connection() as connection:
            groups = count_bins(
                connection,
                reference.fields.bins,
                rows=inside.query,
                parameters=inside.parameters,
                segments={},
                window=inside.window(kind),
            )
            occurrences = _occurrences(connection, spec, inside, kind, measurement)
        drifts = drift_rows(
            groups, reference.fields, monitors, kind="prediction", measurement=measurement
        )
    MonitorTable("extractions", owner).replace(lake, occurrences, windows=pending.replaced)
    table.replace(lake, drifts, windows=pending.replaced)
    return drifts


def extracted_rows(
    spec: ExtractionSpec, version: int, *, columns: Sequence[str] = ()
) -> MonitoredRows:
    """What the version has read: event time, run, all that was found, and a column per field.

    Args:
        spec: The extraction's spec.
        version: The version.
        columns: Columns of the table that are wanted besides.
    """
    fields = [
        f"{_watched(name, field)} as {quoted(name)}"
        for name, field in spec.extraction.fields.items()
    ]
    listed = ", ".join(
        [
            f"feature.{quoted(spec.event_time)} as {quoted(EVENT_TIME)}",
            "score.run_id", 'score.found as "all found"', 'score.mentions as "all mentions"',
            *(f"feature.{quoted(name)} as {quoted(f'label {name}')}" for name in columns),
            *fields,
        ]
    )  # fmt: skip
    return MonitoredRows(
        f"select {listed} from lake.ml.{quoted(extractions_table(spec.name))} as score"  # noqa: S608
        f" join {feature_rows(spec)} as feature"
        f" on score.entity_key = feature.{quoted(spec.entity_key)}::varchar"
        " where score.model_version = $version",
        {"version": version},
        EVENT_TIME,
    )


def as_monitors(spec: ExtractionSpec) -> Monitors:
    """The limits as the statistics of drift take them."""
    declared = spec.monitors
    return Monitors(
        window=declared.window,
        psi=declared.psi,
        alpha=declared.alpha,
        persistence=declared.persistence,
        min_rows=declared.min_rows,
        performance=None,
    )


def _watched(name: str, field: ExtractionField) -> str:
    """What of a field is watched: its first number, its first value, or whether there is any."""
    values = f"score.found[{quote_literal(name)}]"
    if field.type == "number":
        return f"try_cast({values}[1] as double)"
    if field.dictionary is not None or field.language:
        return f"{values}[1]"
    return f"case when len({values}) > 0 then 'some' end"


def _distribution(
    connection: duckdb.DuckDBPyConnection,
    spec: ExtractionSpec,
    query: str,
    parameters: dict[str, Any],
) -> Distribution:
    fields = spec.extraction.fields
    numeric = tuple(name for name, field in fields.items() if field.type == "number")
    columns = FeatureColumns(
        text=(), categorical=tuple(name for name in fields if name not in numeric), numeric=numeric
    )
    bins = lay_bins(
        connection, columns, rows=f"from ({query})", sample=f"from ({query})", parameters=parameters
    )
    groups = count_bins(connection, bins, rows=query, parameters=parameters, segments={})
    return Distribution(
        bins=bins,
        rows={group.segment: group.rows for group in groups},
        counts={
            group.segment: tuple(feature.counts for feature in group.features) for group in groups
        },
    )


def _occurrences(
    connection: duckdb.DuckDBPyConnection,
    spec: ExtractionSpec,
    inside: MonitoredRows,
    kind: WindowKind,
    measurement: Measurement,
) -> list[OccurrenceRow]:
    """A row for each window and field, those without any value included."""
    counts = _WindowCounts(connection, inside, kind)
    found = []
    for start, total in counts.rows:
        for field in spec.extraction.fields:
            at = (start, field)
            some = counts.rows_with_value.get(at, 0)
            low, high = wilson(some, total)
            found.append(
                OccurrenceRow(
                    model=measurement.model,
                    model_version=measurement.version,
                    window_start=start.astimezone(UTC),
                    window_end=window_end(start.astimezone(UTC), kind),
                    field=field,
                    rows=total,
                    rows_with_value=some,
                    share=some / total,
                    low=low,
                    high=high,
                    mentions=counts.mentions.get(at, 0),
                    top_values=json.dumps(counts.top.get(at, {}), ensure_ascii=False),
                    measured_at=measurement.now,
                    run_id=measurement.run_id,
                )
            )
    return found


class _WindowCounts:
    """Rows, mentions and values by window and field."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, inside: MonitoredRows, kind: WindowKind
    ) -> None:
        self._connection, self._parameters = connection, dict(inside.parameters)
        self._windowed = (
            f'with windowed as (select {inside.window(kind)} as w, "all found" as found,'  # noqa: S608
            f' "all mentions" as mentions from ({inside.query}))'
        )
        self.rows: list[tuple[datetime, int]] = [
            (start, int(rows))
            for start, rows in self._counted(
                "select w, count(*) from windowed group by w order by w"
            )
        ]
        self.rows_with_value = self._by_field("unnest(map_keys(found))")
        self.mentions = self._by_field("unnest(mentions).field")
        self.top = self._top_values()

    def _counted(self, query: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(f"{self._windowed} {query}", self._parameters).fetchall()

    def _by_field(self, field: str) -> dict[tuple[datetime, str], int]:
        counted = self._counted(
            f"select w, field, count(*) from (select w, {field} as field from windowed)"  # noqa: S608 - the callers' own
            " group by w, field"
        )
        return {(start, name): int(count) for start, name, count in counted}

    def _top_values(self) -> dict[tuple[datetime, str], dict[str, int]]:
        """The most frequent values with the rows that have them, the most frequent first."""
        top: dict[tuple[datetime, str], dict[str, int]] = {}
        for start, field, value, count in self._counted(
            ", entries as (select w, unnest(map_entries(found)) as entry from windowed),"  # noqa: S608
            " single as (select w, entry.key as field, unnest(entry.value) as single from entries)"
            " select w, field, single, count(*) as n from single group by w, field, single qualify"
            f" row_number() over (partition by w, field order by n desc, single) <= {_TOP_VALUES}"
            " order by w, field, n desc, single"
        ):
            top.setdefault((start, field), {})[value] = int(count)
        return top
