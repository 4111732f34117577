"""Evidence of drift or bad performance starts a retraining, within the model's policy."""

from datetime import UTC, datetime

import dagster as dg

from ml_assets.retraining_state import consider_retraining
from ml_assets.spec.document import ModelSpec
from sensors.context import SensorContext
from sensors.runs import unfinished_run

_SECONDS = 30


def retraining_sensor(platform: SensorContext, spec: ModelSpec) -> dg.SensorDefinition:
    """The sensor of one model; each decision is a row in `ops.retraining_decisions`."""
    job = platform.retrain_job(spec.name)

    @dg.sensor(
        name=f"retraining_{spec.name}",
        job_name=job,
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Drift, performance, age or new labels ask for a retraining of {spec.name}.",
    )
    def retraining(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if running := unfinished_run(context.instance, job):
            return dg.SkipReason(f"{spec.name} is being trained by run {running[:8]}.")
        decision = consider_retraining(
            platform.open_lake(),
            spec,
            features_version=platform.features_versions[spec.table],
            now=datetime.now(UTC),
        )
        if decision is None:
            return dg.SkipReason(f"{spec.name}: nothing new since the last decision.")
        if not decision.retrain:
            return dg.SkipReason(f"{spec.name}: {decision.reason}")
        context.log.info(f"{spec.name}: retraining: {decision.reason}")
        return dg.RunRequest(
            run_key=f"retrain:{spec.name}:{decision.evidence_id}",
            tags={"tidemark/evidence": decision.evidence_id},
        )

    return retraining
