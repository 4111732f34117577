"""The assets of the monitors: drift and realised performance."""

from datetime import UTC, datetime
from typing import Any

import dagster as dg

from lakehouse.finished_steps import record_finished
from ml_assets.assets.keys import ModelKeys
from ml_assets.assets.metadata import image
from ml_assets.monitoring.run import drift_step, performance_step
from ml_assets.runtime import Runtime
from ml_assets.spec.document import ModelSpec


def drift_asset(spec: ModelSpec, keys: ModelKeys) -> dg.AssetsDefinition:
    """Drift of features and predictions by window."""

    @dg.asset(
        key=keys.drift,
        deps=[keys.scores],
        group_name=spec.name,
        kinds={"table"},
        description="Features and predictions of each window against the training reference.",
        check_specs=[
            dg.AssetCheckSpec(
                "no_drift",
                asset=keys.drift,
                description="No feature or prediction has moved past the spec's limit.",
            )
        ],
    )
    def drift(
        context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime]
    ) -> dg.MaterializeResult:
        lake = runtime.open_lake()
        seen = lake.snapshot_id()
        step = drift_step(lake, spec, run_id=context.run_id, now=datetime.now(UTC))
        record_finished(lake, "drift", spec.name, snapshot_id=seen, run_id=context.run_id)
        return monitored(context, "no_drift", step)

    return drift


def performance_asset(spec: ModelSpec, keys: ModelKeys) -> dg.AssetsDefinition:
    """Realised quality by window."""

    @dg.asset(
        key=keys.performance,
        deps=[keys.scores],
        group_name=spec.name,
        kinds={"table"},
        description="Quality of the scores of each window whose labels are known.",
        check_specs=[
            dg.AssetCheckSpec(
                "no_degradation",
                asset=keys.performance,
                description="No window is worse than the spec allows.",
            )
        ],
    )
    def performance(
        context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime]
    ) -> dg.MaterializeResult:
        lake = runtime.open_lake()
        seen = lake.snapshot_id()
        step = performance_step(lake, spec, run_id=context.run_id, now=datetime.now(UTC))
        record_finished(lake, "performance", spec.name, snapshot_id=seen, run_id=context.run_id)
        return monitored(context, "no_degradation", step)

    return performance


def monitored(context: dg.AssetExecutionContext, check: str, step: Any) -> dg.MaterializeResult:
    """What a monitoring step found, as a materialization with its check."""
    for message in step.messages:
        context.log.warning(message)
    plot = {"plot": image(check, step.plot)} if step.plot else {}
    return dg.MaterializeResult(
        metadata={**step.summary, **plot},
        check_results=[
            dg.AssetCheckResult(
                check_name=check,
                passed=not step.messages,
                severity=dg.AssetCheckSeverity.WARN,
                description="\n".join(step.messages[:10]) or "Within the limits.",
                metadata=plot,
            )
        ],
    )
