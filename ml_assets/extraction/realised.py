"""Realised precision, recall and F1 of a version in each window, where rows are labelled."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lakehouse.connection import Lake
from lakehouse.quoting import quote_identifier as quoted
from ml_assets.extraction.judging import segment_of
from ml_assets.extraction.labelled import true_values, value_counts
from ml_assets.extraction.occurrence import extracted_rows
from ml_assets.extraction.quality import quality_intervals, with_all
from ml_assets.monitoring.distributions import ALL
from ml_assets.monitoring.performance import PerformanceRow
from ml_assets.monitoring.recording import Measurement, MonitorTable
from ml_assets.monitoring.windows import (
    MonitoredRows,
    pending_windows,
    rows_by_window,
    window_end,
)
from ml_assets.spec.extraction import ExtractionSpec

if TYPE_CHECKING:
    import pyarrow as pa

_WATCHED = "f1"


def measure_realised(
    lake: Lake, spec: ExtractionSpec, measurement: Measurement
) -> list[PerformanceRow]:
    """Measures each window whose number of labelled, extracted rows has changed, and records it.

    F1 is compared with that of the version's evaluation by the gate, where there was one.
    """
    labels = list(dict.fromkeys(spec.extraction.labels.values()))
    if not labels:
        return []
    kind = spec.monitors.window
    rows = _labelled(spec, measurement.version, labels)
    table = _table(spec.name, measurement.version)
    pending = pending_windows(
        rows_by_window(lake, rows, kind), table.measured_windows(lake, segment=ALL)
    )
    reference = _evaluated(lake, spec.name, measurement.version)
    found: list[PerformanceRow] = []
    for window in pending.measure:
        inside = rows.inside([window], kind)
        with lake.connection() as connection:
            extracted = connection.execute(inside.query, dict(inside.parameters)).to_arrow_table()
        found += window_rows(extracted, spec, reference, window, measurement)
    table.replace(lake, found, windows=pending.replaced)
    return found


def recorded_realised(lake: Lake, model: str, version: int) -> list[PerformanceRow]:
    """All performance rows of a version, by window."""
    return _table(model, version).read(lake, PerformanceRow)


def window_rows(
    extracted: "pa.Table",
    spec: ExtractionSpec,
    reference: Mapping[str, float],
    window: datetime,
    measurement: Measurement,
) -> list[PerformanceRow]:
    """The qualities of one window: of all fields together, and of each.

    F1 has degraded where it is lower than the reference by more than `max_drop`, with an interval
    that excludes the reference; only in windows with enough labelled rows.

    Args:
        extracted: Its rows: what was found, and the labels' columns.
        spec: The extraction's spec.
        reference: F1 at the evaluation, by segment.
        window: Start of the window.
        measurement: What stands on the rows.
    """
    truth = true_values(extracted, spec)
    values = [dict(found) for found in extracted.column("all found").to_pylist()]
    counts = with_all({field: value_counts(field, values, truth[field]) for field in truth})
    enough = extracted.num_rows >= spec.monitors.min_rows
    rows = []
    for field, counted in counts.items():
        segment = segment_of(field)
        for metric, interval in quality_intervals(counted.sum(axis=0)).items():
            known = reference.get(segment) if metric == _WATCHED else None
            threshold = None if known is None or not enough else known - spec.monitors.max_drop
            rows.append(
                PerformanceRow(
                    model=measurement.model,
                    model_version=measurement.version,
                    window_start=window,
                    window_end=window_end(window, spec.monitors.window),
                    segment=segment,
                    metric=metric,
                    rows=extracted.num_rows,
                    value=interval.estimate,
                    low=interval.low,
                    high=interval.high,
                    reference_value=known,
                    threshold=threshold,
                    degraded=threshold is not None
                    and known is not None
                    and interval.estimate < threshold
                    and interval.high < known,
                    measured_at=measurement.now,
                    run_id=measurement.run_id,
                )
            )
    return rows


def _labelled(spec: ExtractionSpec, version: int, labels: list[str]) -> MonitoredRows:
    rows = extracted_rows(spec, version, columns=labels)
    known = " or ".join(f"{quoted(f'label {name}')} is not null" for name in labels)
    renamed = ", ".join(f"{quoted(f'label {name}')} as {quoted(name)}" for name in labels)
    return MonitoredRows(
        f'select {quoted(rows.event_time)}, "all found", {renamed}'  # noqa: S608 - quoted names
        f" from ({rows.query}) where {known}",
        rows.parameters,
        rows.event_time,
    )


def _evaluated(lake: Lake, model: str, version: int) -> dict[str, float]:
    """F1 of the version when it was measured last, by segment."""
    rows: list[tuple[Any, ...]] = lake.rows(
        "select segment, arg_max(value, evaluated_at) from lake.ml.evaluations"
        " where model = ? and subject_version = ? and metric = ? group by segment",
        [model, version, _WATCHED],
    )
    return {str(segment): float(value) for segment, value in rows}


def _table(model: str, version: int) -> MonitorTable:
    return MonitorTable("performance", {"model": model, "model_version": version})
