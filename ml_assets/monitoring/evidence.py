"""Evidence for retraining: what the monitors' rows say, each piece named so that it counts once."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ml_assets.monitoring.distributions import ALL
from ml_assets.monitoring.drift_rows import DriftRow
from ml_assets.monitoring.performance import PerformanceRow

EvidenceKind = Literal["drift", "performance"]

_NAMED_AT_MOST = 3


@dataclass(frozen=True)
class Evidence:
    """One reason to retrain a model version.

    Attributes:
        kind: Which monitor says so.
        model: The model.
        version: The version that is monitored.
        window_start: Start of the window in which it shows (UTC).
        message: What it says, with its numbers.
        evidence_id: The same for the same model, version, kind and window, whatever the numbers.
    """

    kind: EvidenceKind
    model: str
    version: int
    window_start: datetime
    message: str
    evidence_id: str


def drift_evidence(
    rows: Sequence[DriftRow], *, persistence: int, known_until: datetime
) -> list[Evidence]:
    """A piece of evidence for each window in which something has drifted for long enough.

    Only windows that begin after all that the training set held: what was known at training,
    its hold-out included, cannot be mended by training on it again.

    Args:
        rows: Drift rows of one model version.
        persistence: Judged windows in a row in which the same feature and segment must drift.
        known_until: Newest event time of the training set.
    """
    by_series: dict[tuple[str, str, str], list[DriftRow]] = defaultdict(list)
    for row in rows:
        if row.window_start > known_until and row.threshold is not None:
            by_series[row.kind, row.segment, row.feature].append(row)
    alarms: dict[datetime, list[DriftRow]] = defaultdict(list)
    for series in by_series.values():
        for row in _persistent(sorted(series, key=lambda row: row.window_start), persistence):
            alarms[row.window_start].append(row)
    return [_drift_alarm(alarms[window], persistence) for window in sorted(alarms)]


def performance_evidence(
    rows: Sequence[PerformanceRow], *, known_until: datetime
) -> list[Evidence]:
    """A piece of evidence for each window, after what the training set held, that has degraded."""
    alarms: dict[datetime, list[PerformanceRow]] = defaultdict(list)
    for row in rows:
        if row.degraded and row.window_start > known_until:
            alarms[row.window_start].append(row)
    return [_performance_alarm(alarms[window]) for window in sorted(alarms)]


def evidence_id(model: str, version: int, *, kind: str, window_start: datetime) -> str:
    """A stable name of a piece of evidence: 16 hexadecimal digits."""
    text = f"{model}|{version}|{kind}|{window_start.isoformat()}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _persistent(series: Sequence[DriftRow], persistence: int) -> Iterator[DriftRow]:
    streak = 0
    for row in series:
        streak = streak + 1 if row.drifted else 0
        if streak >= persistence:
            yield row


def _drift_alarm(rows: Sequence[DriftRow], persistence: int) -> Evidence:
    worst = sorted(rows, key=lambda row: (-row.psi, row.feature, row.segment))
    named = [
        f"{_place(row.feature, row.segment)} PSI {row.psi:.3f} (limit {row.threshold:.3f},"
        f" {row.rows:,} rows)"
        for row in worst
    ]
    lasting = f", {persistence} windows in a row" if persistence > 1 else ""
    return _evidence("drift", worst[0], f"drift{lasting}: {_listed(named)}")


def _performance_alarm(rows: Sequence[PerformanceRow]) -> Evidence:
    worst = sorted(rows, key=lambda row: (row.segment != ALL, -row.rows, row.segment))
    named = [
        f"{_place(row.metric, row.segment)} {row.value:.3f} [{row.low:.3f}, {row.high:.3f}] against"
        f" {row.reference_value:.3f} on the hold-out (limit {row.threshold:.3f}, {row.rows:,} rows)"
        for row in worst
    ]
    return _evidence("performance", worst[0], _listed(named))


def _evidence(kind: EvidenceKind, row: DriftRow | PerformanceRow, text: str) -> Evidence:
    return Evidence(
        kind=kind,
        model=row.model,
        version=row.model_version,
        window_start=row.window_start,
        message=f"{row.model} version {row.model_version}, window {row.window_start:%Y-%m-%d}:"
        f" {text}",
        evidence_id=evidence_id(
            row.model, row.model_version, kind=kind, window_start=row.window_start
        ),
    )


def _place(name: str, segment: str) -> str:
    return name if segment == ALL else f"{name} in {segment}"


def _listed(named: Sequence[str]) -> str:
    more = len(named) - _NAMED_AT_MOST
    rest = f"; and {more} more" if more > 0 else ""
    return "; ".join(named[:_NAMED_AT_MOST]) + rest
