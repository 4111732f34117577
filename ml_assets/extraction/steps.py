"""The monitoring steps of an extraction: measure what is new, keep it, say what is wrong."""

from datetime import datetime

from lakehouse.connection import Lake
from ml_assets.extraction.occurrence import first_run, first_run_until, measure_occurrence
from ml_assets.extraction.realised import measure_realised, recorded_realised
from ml_assets.model_versions import champion_version
from ml_assets.monitoring.drift import recorded_drift
from ml_assets.monitoring.evidence import drift_evidence, performance_evidence
from ml_assets.monitoring.plots import drift_heatmap, performance_plot
from ml_assets.monitoring.recording import Measurement
from ml_assets.monitoring.run import MonitorStep, raise_alarms
from ml_assets.spec.extraction import ExtractionSpec


def occurrence_step(lake: Lake, spec: ExtractionSpec, *, run_id: str, now: datetime) -> MonitorStep:
    """Measures how often the champion finds what, and compares it with its first run."""
    champion = champion_version(lake, spec.name)
    reference = None if champion is None else first_run(lake, spec, champion.version)
    if champion is None or reference is None:
        return MonitorStep({"model_version": champion.version if champion else 0}, (), None)
    measurement = Measurement(spec.name, champion.version, now, run_id)
    measured = measure_occurrence(lake, spec, reference, measurement)
    rows = recorded_drift(lake, spec.name, champion.version, "prediction")
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
        # Drawing takes longer than measuring: not for windows that were drawn before.
        plot=drift_heatmap(rows) if measured else None,
    )


def realised_step(lake: Lake, spec: ExtractionSpec, *, run_id: str, now: datetime) -> MonitorStep:
    """Measures what the champion has found in new windows against the labels known by now."""
    champion = champion_version(lake, spec.name)
    newest = None if champion is None else first_run_until(lake, spec, champion.version)
    if champion is None or newest is None or not spec.extraction.labels:
        return MonitorStep({"model_version": champion.version if champion else 0}, (), None)
    measurement = Measurement(spec.name, champion.version, now, run_id)
    measured = measure_realised(lake, spec, measurement)
    rows = recorded_realised(lake, spec.name, champion.version)
    evidence = performance_evidence(rows, known_until=newest)
    raise_alarms(lake, evidence, now=now, run_id=run_id)
    return MonitorStep(
        summary={
            "model_version": champion.version,
            "windows_measured": len({row.window_start for row in measured}),
            "alarms": len(evidence),
        },
        messages=tuple(item.message for item in evidence),
        plot=performance_plot(rows, metric="f1") if measured else None,
    )
