"""The monitoring steps: measure what is new, keep it, say what is wrong."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lakehouse.connection import Lake
from ml_assets.artifacts import local_folder
from ml_assets.bundle import read_reference
from ml_assets.model_versions import ModelVersion, champion_version
from ml_assets.monitoring.distributions import ModelReference, reference_from_json
from ml_assets.monitoring.drift import measure_drift, measure_prediction_drift, recorded_drift
from ml_assets.monitoring.evidence import Evidence, drift_evidence, performance_evidence
from ml_assets.monitoring.performance import measure_performance, recorded_performance
from ml_assets.monitoring.plots import drift_heatmap, performance_plot
from ml_assets.spec.document import ModelSpec


@dataclass(frozen=True)
class MonitorStep:
    """What a monitor found.

    Attributes:
        summary: Counts for people.
        messages: The alarms, in words; empty if all is within its limits.
        plot: PNG bytes; None while there is nothing to draw.
    """

    summary: dict[str, Any]
    messages: tuple[str, ...]
    plot: bytes | None


def drift_step(lake: Lake, spec: ModelSpec, *, run_id: str, now: datetime) -> MonitorStep:
    """Measures features and predictions of new windows against the champion's reference."""
    champion = champion_version(lake, spec.name)
    if champion is None:
        return _without_champion()
    reference = champion_reference(lake, champion)
    measured = measure_drift(
        lake, spec, reference=reference, version=champion.version, now=now, run_id=run_id
    )
    measured += measure_prediction_drift(
        lake, spec, reference=reference, version=champion.version, now=now, run_id=run_id
    )
    rows = recorded_drift(lake, spec.name, champion.version, "feature")
    rows += recorded_drift(lake, spec.name, champion.version, "prediction")
    evidence = drift_evidence(
        rows, persistence=spec.monitors.persistence, known_until=reference.known_until
    )
    raise_alarms(lake, evidence, now=now, run_id=run_id)
    return MonitorStep(
        summary={
            "model_version": champion.version,
            "windows_measured": len({row.window_start for row in measured}),
            "comparisons": len(measured),
            "alarms": len(evidence),
        },
        messages=tuple(item.message for item in evidence),
        plot=drift_heatmap(rows) if rows else None,
    )


def performance_step(lake: Lake, spec: ModelSpec, *, run_id: str, now: datetime) -> MonitorStep:
    """Measures the champion's scores of new windows against labels that are known by now."""
    champion = champion_version(lake, spec.name)
    if champion is None:
        return _without_champion()
    reference = champion_reference(lake, champion)
    measured = measure_performance(
        lake, spec, reference=reference, version=champion.version, now=now, run_id=run_id
    )
    rows = recorded_performance(lake, spec.name, champion.version)
    evidence = performance_evidence(rows, known_until=reference.known_until)
    raise_alarms(lake, evidence, now=now, run_id=run_id)
    watched = spec.monitors.performance
    return MonitorStep(
        summary={
            "model_version": champion.version,
            "windows_measured": len({row.window_start for row in measured}),
            "alarms": len(evidence),
        },
        messages=tuple(item.message for item in evidence),
        plot=performance_plot(rows, metric=watched.metric) if rows and watched else None,
    )


def current_evidence(lake: Lake, spec: ModelSpec, champion: ModelVersion) -> list[Evidence]:
    """All evidence against the champion that the monitors have recorded."""
    reference = champion_reference(lake, champion)
    rows = recorded_drift(lake, spec.name, champion.version, "feature")
    rows += recorded_drift(lake, spec.name, champion.version, "prediction")
    return drift_evidence(
        rows, persistence=spec.monitors.persistence, known_until=reference.known_until
    ) + performance_evidence(
        recorded_performance(lake, spec.name, champion.version),
        known_until=reference.known_until,
    )


def champion_reference(lake: Lake, champion: ModelVersion) -> ModelReference:
    """The reference distributions that were kept with the version."""
    with local_folder(champion.bundle_path, lake.config) as folder:
        return reference_from_json(read_reference(folder))


def raise_alarms(lake: Lake, evidence: list[Evidence], *, now: datetime, run_id: str) -> None:
    """Writes one row to `monitoring.alarms` for each piece of evidence that has none yet."""
    known = {row[0] for row in lake.rows("select evidence_id from lake.monitoring.alarms")}
    fresh = [item for item in evidence if item.evidence_id not in known]
    if not fresh:
        return
    with lake.write("alarms") as write:
        write.connection.executemany(
            "insert into lake.monitoring.alarms values (?, ?, ?, ?, ?, ?)",
            [[e.model, e.evidence_id, e.kind, e.message, now, run_id] for e in fresh],
        )


def _without_champion() -> MonitorStep:
    return MonitorStep({"model_version": 0}, (), None)
