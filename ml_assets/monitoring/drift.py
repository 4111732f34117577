"""Drift of features and predictions against what a model version was trained on, per window."""

from datetime import datetime

from lakehouse.connection import Lake
from lakehouse.quoting import quote_identifier as quoted
from ml_assets.feature_rows import feature_rows
from ml_assets.monitoring.counting import count_bins
from ml_assets.monitoring.distributions import ALL, ModelReference
from ml_assets.monitoring.drift_rows import DriftKind, DriftRow, drift_rows
from ml_assets.monitoring.recording import Measurement, MonitorTable
from ml_assets.monitoring.reference import PREDICTED_CHANGE
from ml_assets.monitoring.windows import MonitoredRows, pending_windows, rows_by_window
from ml_assets.scoring import scores_table
from ml_assets.spec.document import ModelSpec


def measure_drift(
    lake: Lake,
    spec: ModelSpec,
    *,
    reference: ModelReference,
    version: int,
    now: datetime,
    run_id: str,
) -> list[DriftRow]:
    """Measures the features in each window that is new or has changed, and records it.

    One pass over those windows' rows; the rows of a changed window are replaced in one commit.
    Windows that the model was trained on are measured too, to show what is usual; they are no
    evidence (`drift_evidence`).

    Returns:
        The rows that were written; empty where every window was measured already.
    """
    columns = [spec.event_time, *(bins.column for bins in reference.features.bins)]
    names = ", ".join(quoted(name) for name in dict.fromkeys([*columns, *reference.segments]))
    rows = MonitoredRows(
        f"select {names} from {feature_rows(spec)}",  # noqa: S608 - quoted names
        {},
        spec.event_time,
    )
    measurement = Measurement(spec.name, version, now, run_id)
    return _measure(lake, spec, rows, reference, kind="feature", measurement=measurement)


def measure_prediction_drift(
    lake: Lake,
    spec: ModelSpec,
    *,
    reference: ModelReference,
    version: int,
    now: datetime,
    run_id: str,
) -> list[DriftRow]:
    """The same for the version's predictions, their confidence and expected value.

    The reference is the hold-out; rows older than it, which the model was trained on and is surer
    of, are left out.
    """
    columns = ", ".join(
        [
            *(_predicted(spec, bins.column) for bins in reference.predictions.bins),
            *(f"feature.{quoted(name)}" for name in (spec.event_time, *reference.segments)),
        ]
    )
    rows = MonitoredRows(
        f"select {columns} from lake.ml.{quoted(scores_table(spec.name))} as score"  # noqa: S608
        f" join {feature_rows(spec)} as feature"
        f" on score.entity_key = feature.{quoted(spec.entity_key)}::varchar"
        f" where score.model_version = $version and feature.{quoted(spec.event_time)} >= $cutoff",
        {"version": version, "cutoff": reference.cutoff},
        spec.event_time,
    )
    measurement = Measurement(spec.name, version, now, run_id)
    return _measure(lake, spec, rows, reference, kind="prediction", measurement=measurement)


def _predicted(spec: ModelSpec, column: str) -> str:
    """The column of the predictions as SQL over `score` and `feature`."""
    if column == PREDICTED_CHANGE and spec.forecast is not None:
        anchor = quoted(spec.forecast.anchor)
        return f"score.prediction_value - feature.{anchor} as {quoted(column)}"
    return f"score.{quoted(column)}"


def recorded_drift(lake: Lake, model: str, version: int, kind: DriftKind) -> list[DriftRow]:
    """All drift rows of a model version, by window."""
    return _table(model, version, kind).read(lake, DriftRow)


def _measure(
    lake: Lake,
    spec: ModelSpec,
    rows: MonitoredRows,
    reference: ModelReference,
    *,
    kind: DriftKind,
    measurement: Measurement,
) -> list[DriftRow]:
    monitors, table = spec.monitors, _table(spec.name, measurement.version, kind)
    pending = pending_windows(
        rows_by_window(lake, rows, monitors.window), table.measured_windows(lake, segment=ALL)
    )
    found: list[DriftRow] = []
    if pending.measure:
        distribution = reference.features if kind == "feature" else reference.predictions
        inside = rows.inside(pending.measure, monitors.window)
        with lake.connection() as connection:
            groups = count_bins(
                connection,
                distribution.bins,
                rows=inside.query,
                parameters=inside.parameters,
                segments=reference.segments,
                window=inside.window(monitors.window),
            )
        found = drift_rows(groups, distribution, monitors, kind=kind, measurement=measurement)
    table.replace(lake, found, windows=pending.replaced)
    return found


def _table(model: str, version: int, kind: DriftKind) -> MonitorTable:
    return MonitorTable("drift", {"model": model, "model_version": version, "kind": kind})
