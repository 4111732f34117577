"""The assets of a training: training set, challenger, evaluation, champion."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from lakehouse.errors import TidemarkError
from ml_assets.assets.evaluation_checks import (
    compared,
    evaluation_check_results,
    evaluation_check_specs,
)
from ml_assets.assets.keys import ModelKeys
from ml_assets.assets.metadata import (
    evaluation_metadata,
    evaluation_plots,
    folds_metadata,
    image,
    intervals_metadata,
    search_metadata,
    verdict_metadata,
)
from ml_assets.challenger import train_challenger
from ml_assets.evaluation import evaluate, gate_evidence, record_evaluation
from ml_assets.model_versions import ModelVersion, champion_version, newest_version
from ml_assets.promotion import decide_promotion
from ml_assets.runtime import Runtime
from ml_assets.spec.document import ModelSpec
from ml_assets.training_set import (
    TrainingSet,
    build_training_set,
    count_labelled,
    newest_training_set,
)
from ml_assets.training_set_check import leakage

_LIGHTGBM = ("lightgbm", "quantile")


def training_set_asset(
    spec: ModelSpec, keys: ModelKeys, table_key: dg.AssetKey
) -> dg.AssetsDefinition:
    """Labelled rows of the feature table, split by time, written once."""

    @dg.asset(
        key=keys.training_set,
        deps=[table_key],
        group_name=spec.name,
        kinds={"parquet"},
        # Nothing is made, and nothing behind it runs, as long as there is nothing to train on.
        output_required=False,
        description="Labelled rows known at one lake snapshot, split by time, written once.",
        check_specs=[
            dg.AssetCheckSpec(
                "no_leakage",
                asset=keys.training_set,
                blocking=True,
                description="No hold-out row is older than a training row or nearly repeats one,"
                " and no training row has a label that was not known at the cutoff.",
            )
        ],
    )
    def training_set(
        context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime]
    ) -> Iterator[dg.MaterializeResult]:
        lake = runtime.open_lake()
        now = datetime.now(UTC)
        if count_labelled(lake, spec, now=now) == 0:
            reason = f"marts.{spec.table} has no labelled row yet: there is nothing to train on."
            context.log.info(f"{spec.name}: skipped: {reason}")
            context.log_event(dg.AssetObservation(keys.training_set, metadata={"skipped": reason}))
            return
        built = build_training_set(
            lake,
            spec,
            artifact_path=runtime.artifact_path,
            provenance=runtime.provenance(context.run_id, spec.table),
            now=now,
        )
        problem = leakage(lake, built, spec)
        context.log.info(
            f"{spec.name}: {built.train_rows} training rows, {built.holdout_rows} hold-out rows"
            f" from {built.cutoff:%Y-%m-%d}, {built.excluded_rows} left out as near-duplicates,"
            f" {built.purged_rows} because their label came after that"
        )
        yield dg.MaterializeResult(
            metadata={
                "train_rows": built.train_rows,
                "holdout_rows": built.holdout_rows,
                "excluded_near_duplicates": built.excluded_rows,
                "purged_rows": built.purged_rows,
                "cutoff": dg.MetadataValue.timestamp(built.cutoff),
                "training_set_hash": built.training_set_hash,
                "lake_snapshot": built.source_snapshot_id,
                "path": dg.MetadataValue.path(built.path),
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name="no_leakage",
                    passed=problem is None,
                    description=problem or "Groups, times and labels are on one side each.",
                )
            ],
        )

    return training_set


def challenger_asset(spec: ModelSpec, keys: ModelKeys) -> dg.AssetsDefinition:
    """A new model version."""

    @dg.asset(
        key=keys.challenger,
        deps=[keys.training_set],
        group_name=spec.name,
        kinds={"mlflow", "lightgbm" if spec.algorithm.name in _LIGHTGBM else "scikitlearn"},
        description=f"A new version, fitted by `{spec.algorithm.name}` on the training rows.",
    )
    def challenger(
        context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime]
    ) -> dg.MaterializeResult:
        lake = runtime.open_lake()
        trained = train_challenger(
            lake,
            spec,
            _required_training_set(runtime, spec, context.run_id),
            registry=runtime.open_registry(),
            provenance=runtime.provenance(context.run_id, spec.table),
            now=datetime.now(UTC),
        )
        version = trained.version
        context.log.info(
            f"{spec.name}: version {version.version} fitted on {trained.train_rows} rows"
            f" in {version.fit_seconds:.1f} s"
        )
        metadata: dict[str, Any] = {
            "model_version": version.version,
            "algorithm": version.algorithm,
            "train_rows": trained.train_rows,
            "fit_seconds": version.fit_seconds,
            "predict_seconds": version.predict_seconds,
            "bundle_hash": version.bundle_hash,
            "mlflow_run_id": version.mlflow_run_id,
            "git_revision": version.git_revision,
            "parameters": dg.MetadataValue.json(dict(trained.parameters)),
        }
        if trained.cross_validation:
            metadata |= folds_metadata(trained.cross_validation)
        if trained.search:
            metadata |= search_metadata(trained.search)
        return dg.MaterializeResult(metadata=metadata)

    return challenger


def evaluation_asset(spec: ModelSpec, keys: ModelKeys) -> dg.AssetsDefinition:
    """Challenger, champion and baseline on the hold-out, with plots."""

    @dg.asset(
        key=keys.evaluation,
        deps=[keys.challenger],
        group_name=spec.name,
        kinds={"table"},
        description="Challenger, champion and baseline on the same hold-out rows.",
        check_specs=evaluation_check_specs(spec, keys.evaluation),
    )
    def evaluation(
        context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime]
    ) -> dg.MaterializeResult:
        lake = runtime.open_lake()
        version = _required_challenger(runtime, spec, context.run_id)
        evaluated = evaluate(
            lake,
            spec,
            _required_training_set(runtime, spec, context.run_id),
            challenger=version,
            champion=champion_version(lake, spec.name),
            artifact_path=runtime.artifact_path,
        )
        record_evaluation(lake, evaluated, version, now=datetime.now(UTC), run_id=context.run_id)
        subject = evaluated.subjects["challenger"]
        plots = evaluation_plots(spec, evaluated)
        runtime.open_registry().log_evaluation(
            version.mlflow_run_id,
            {name: interval.estimate for name, interval in subject.intervals.items()},
            plots,
        )
        context.log.info(f"{spec.name}: version {version.version}: {compared(spec, evaluated)}")
        return dg.MaterializeResult(
            metadata=evaluation_metadata(spec, evaluated)
            | intervals_metadata(spec, evaluated)
            | {f"plot_{name}": image(name, png) for name, png in plots.items()},
            check_results=evaluation_check_results(spec, evaluated, plots),
        )

    return evaluation


def champion_asset(spec: ModelSpec, keys: ModelKeys) -> dg.AssetsDefinition:
    """The gate and its verdict."""

    @dg.asset(
        key=keys.champion,
        deps=[keys.evaluation],
        group_name=spec.name,
        kinds={"mlflow"},
        description="The gate: the challenger becomes champion, or the reason why not.",
    )
    def champion(
        context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime]
    ) -> dg.MaterializeResult:
        lake = runtime.open_lake()
        challenger = _required_challenger(runtime, spec, context.run_id)
        verdict = decide_promotion(
            lake,
            spec,
            challenger,
            gate_evidence(lake, spec, challenger, artifact_path=runtime.artifact_path),
            registry=runtime.open_registry(),
            now=datetime.now(UTC),
            run_id=context.run_id,
        )
        serving = champion_version(lake, spec.name)
        context.log.info(f"{spec.name}: {verdict.reason}")
        return dg.MaterializeResult(
            metadata=verdict_metadata(verdict)
            | {"champion_version": serving.version if serving else 0}
        )

    return champion


def _required_training_set(runtime: Runtime, spec: ModelSpec, run_id: str) -> TrainingSet:
    found = newest_training_set(runtime.open_lake(), spec.name, run_id=run_id)
    if found is None:
        raise TidemarkError(
            f"{spec.name} has no training set.",
            hint=f"Materialize {spec.name}/training_set first; `tidemark run` does all in order.",
        )
    return found


def _required_challenger(runtime: Runtime, spec: ModelSpec, run_id: str) -> ModelVersion:
    found = newest_version(runtime.open_lake(), spec.name, run_id=run_id)
    if found is None:
        raise TidemarkError(
            f"{spec.name} has no model version.",
            hint=f"Materialize {spec.name}/challenger first; `tidemark run` does all in order.",
        )
    return found
