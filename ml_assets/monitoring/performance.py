"""Realised performance of a model version where labels are known, per window and segment."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lakehouse.connection import Lake
from lakehouse.quoting import quote_identifier as quoted
from ml_assets.bootstrap import Interval, bootstrap_metrics
from ml_assets.feature_rows import feature_rows
from ml_assets.labels import labels_of, target_of
from ml_assets.metrics import metric_direction
from ml_assets.monitoring.distributions import ALL, ModelReference
from ml_assets.monitoring.recording import Measurement, MonitorTable
from ml_assets.monitoring.reference import segment_masks
from ml_assets.monitoring.windows import (
    MonitoredRows,
    pending_windows,
    rows_by_window,
    window_end,
)
from ml_assets.scoring import scores_table
from ml_assets.spec.document import ModelSpec
from ml_assets.spec.operating_sections import PerformanceMonitor
from ml_assets.time_blocks import time_blocks

if TYPE_CHECKING:
    import pyarrow as pa

_CONFIDENCE = 0.95
_REPLICATES = 500
# Rows are drawn in so many random blocks: an interval's width is off by about 1.6 % (one over the
# root of twice the blocks), and costs the same for a thousand rows as for a million.
_BLOCKS = 2_000
# An interval out of fewer independent pieces is too narrow to raise an alarm on.
_FEWEST_DRAWN = 5


@dataclass(frozen=True)
class PerformanceRow:
    """A row of `monitoring.performance`: one metric in one window and segment.

    `threshold` is null for metrics that the spec does not watch, and where there are too few rows
    to judge; `degraded` is false then.
    """

    model: str
    model_version: int
    window_start: datetime
    window_end: datetime
    segment: str
    metric: str
    rows: int
    value: float
    low: float
    high: float
    reference_value: float | None
    threshold: float | None
    degraded: bool
    measured_at: datetime
    run_id: str


def measure_performance(
    lake: Lake,
    spec: ModelSpec,
    *,
    reference: ModelReference,
    version: int,
    now: datetime,
    run_id: str,
) -> list[PerformanceRow]:
    """Measures each window whose number of labelled, scored rows has changed, and records it.

    Only rows from the hold-out's first event time on are used: on older ones the model was
    trained. A label counts once its delay is over. One window is in memory at a time.

    Returns:
        The rows that were written; empty where nothing changed or the spec turns this monitor off.
    """
    if spec.monitors.performance is None:
        return []
    rows = _labelled_scores(spec, reference, version=version, now=now)
    owner = {"model": spec.name, "model_version": version}
    table = MonitorTable("performance", owner)
    kind = spec.monitors.window
    pending = pending_windows(
        rows_by_window(lake, rows, kind), table.measured_windows(lake, segment=ALL)
    )
    measurement = Measurement(spec.name, version, now, run_id)
    found: list[PerformanceRow] = []
    for window in pending.measure:
        inside = rows.inside([window], kind)
        with lake.connection() as connection:
            ordered = f"from ({inside.query}) order by {quoted(spec.event_time)}"
            scored = connection.execute(ordered, dict(inside.parameters)).to_arrow_table()
        found.extend(performance_rows(scored, spec, reference, window, measurement=measurement))
    table.replace(lake, found, windows=pending.replaced)
    return found


def recorded_performance(lake: Lake, model: str, version: int) -> list[PerformanceRow]:
    """All performance rows of a model version, by window."""
    owner = {"model": model, "model_version": version}
    return MonitorTable("performance", owner).read(lake, PerformanceRow)


def performance_rows(
    scored: "pa.Table",
    spec: ModelSpec,
    reference: ModelReference,
    window: datetime,
    *,
    measurement: Measurement,
) -> Iterator[PerformanceRow]:
    """The metrics of one window: of all its rows, and of each segment that is large enough.

    Args:
        scored: The window's rows: label, anchor of a forecast, segments, and the score's columns.
        spec: The model's spec.
        reference: The version's reference, for its metrics on the hold-out.
        window: Start of the window.
        measurement: What stands on the rows.
    """
    label, target = labels_of(scored, spec), target_of(spec)
    output = scored_output(scored, spec)
    for segment, chosen in segment_masks(scored, reference.segments).items():
        n = int(chosen.sum())
        if n < 2 or (segment != ALL and n < spec.monitors.min_rows):
            continue
        units = _units(n, spec)
        drawn = n if units is None else len(np.unique(units))
        if drawn < 2:
            # All forecasts of so short a window overlap: there is nothing to draw.
            continue
        intervals = bootstrap_metrics(
            label[chosen],
            output[chosen],
            target=target,
            groups=units,
            replicates=_REPLICATES,
            seed=spec.seed,
            confidence=_CONFIDENCE,
        )
        known = reference.metrics.get(segment, {})
        for metric, interval in intervals.items():
            monitor = spec.monitors.performance
            watched = monitor is not None and metric == monitor.metric
            enough = n >= spec.monitors.min_rows and drawn >= _FEWEST_DRAWN
            judged = watched and enough and metric in known
            threshold = worst_allowed(known[metric], monitor) if judged and monitor else None
            yield PerformanceRow(
                model=measurement.model,
                model_version=measurement.version,
                window_start=window,
                window_end=window_end(window, spec.monitors.window),
                segment=segment,
                metric=metric,
                rows=n,
                value=interval.estimate,
                low=interval.low,
                high=interval.high,
                reference_value=known.get(metric),
                threshold=threshold,
                degraded=threshold is not None
                and degraded(interval, metric, reference=known[metric], threshold=threshold),
                measured_at=measurement.now,
                run_id=measurement.run_id,
            )


def scored_output(scored: "pa.Table", spec: ModelSpec) -> NDArray[np.float64]:
    """What the model gave for each scored row, (n, m), out of the scores table's columns."""
    if spec.label.classes:
        flat = scored.column("probabilities").combine_chunks().flatten().to_numpy()
        return np.asarray(flat.reshape(scored.num_rows, len(spec.label.classes)), np.float64)
    names = ("prediction_value", "interval_low", "interval_high")
    output = np.column_stack([scored.column(name).to_numpy() for name in names])
    if spec.forecast is not None:
        # The table has levels, for people; the model gave changes.
        output = output - scored.column(spec.forecast.anchor).to_numpy()[:, None]
    return output


def worst_allowed(reference: float, monitor: PerformanceMonitor) -> float:
    """The worst value of the metric that is not a degradation.

    >>> round(worst_allowed(0.8, PerformanceMonitor(metric="accuracy", max_drop=0.05)), 2)
    0.75
    """
    sign = 1.0 if metric_direction(monitor.metric) == "higher" else -1.0
    return reference - sign * monitor.max_drop


def degraded(interval: Interval, metric: str, *, reference: float, threshold: float) -> bool:
    """Whether the value is worse than allowed and its interval excludes that nothing was lost.

    >>> low = Interval(0.70, 0.66, 0.74, 0.95)
    >>> degraded(low, "accuracy", reference=0.8, threshold=0.75)
    True
    >>> degraded(low, "accuracy", reference=0.72, threshold=0.71)
    False
    """
    if metric_direction(metric) == "higher":
        return interval.estimate < threshold and interval.high < reference
    return interval.estimate > threshold and interval.low > reference


def _units(n: int, spec: ModelSpec) -> NDArray[np.int64] | None:
    """What is drawn together, (n,); None where rows are drawn singly.

    Forecasts that overlap are, and of many rows random blocks.
    """
    if spec.forecast is not None:
        return time_blocks(n, horizon=spec.forecast.horizon)
    if n <= _BLOCKS:
        return None
    return np.random.default_rng(spec.seed).permutation(n) % _BLOCKS


def _labelled_scores(
    spec: ModelSpec, reference: ModelReference, *, version: int, now: datetime
) -> MonitoredRows:
    anchor = () if spec.forecast is None else (spec.forecast.anchor,)
    columns = dict.fromkeys((spec.event_time, spec.label.column, *anchor, *reference.segments))
    scored = ("probabilities", "prediction_value", "interval_low", "interval_high")
    outputs = ", ".join(f"score.{name}" for name in scored)
    names = ", ".join(f"feature.{quoted(name)}" for name in columns)
    event_time = f"feature.{quoted(spec.event_time)}"
    return MonitoredRows(
        f"select {names}, {outputs}"  # noqa: S608 - quoted names, bound values
        f" from lake.ml.{quoted(scores_table(spec.name))} as score"
        f" join {feature_rows(spec)} as feature"
        f" on score.entity_key = feature.{quoted(spec.entity_key)}::varchar"
        f" where score.model_version = $version and {event_time} >= $cutoff"
        f" and feature.{quoted(spec.label.column)} is not null"
        f" and {event_time} + to_days($delay) <= $now",
        {
            "version": version,
            "cutoff": reference.cutoff,
            "delay": spec.label.delay_days,
            "now": now,
        },
        spec.event_time,
    )
