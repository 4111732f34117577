"""The only module here that knows Dagster: turns one model spec into its assets and checks."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from lakehouse.errors import TidemarkError
from ml_assets.asset_metadata import evaluation_metadata, image, verdict_metadata
from ml_assets.challenger import train_challenger
from ml_assets.evaluation import evaluate, gate_evidence, record_evaluation
from ml_assets.evaluation_plots import confusion_plot, reliability_plot
from ml_assets.model_versions import ModelVersion, champion_version, newest_version
from ml_assets.monitoring.run import drift_step, performance_step
from ml_assets.promotion import decide_promotion
from ml_assets.runtime import Runtime
from ml_assets.scoring import count_unscored, score_unscored, scores_table
from ml_assets.spec.document import ModelSpec
from ml_assets.training_set import TrainingSet, build_training_set, newest_training_set
from ml_assets.training_set_check import leakage

RESCORE_TAG = "tidemark/rescore"


def model_assets(spec: ModelSpec, table_key: dg.AssetKey) -> list[dg.AssetsDefinition]:
    """All assets of one model, in the group of its name.

    Args:
        spec: The model's spec.
        table_key: Asset key of the dbt model that holds its features.
    """
    keys = ModelKeys(spec.name)
    return [
        _training_set(spec, keys, table_key),
        _challenger(spec, keys),
        _evaluation(spec, keys),
        _champion(spec, keys),
        _scores(spec, keys, table_key),
        _drift(spec, keys),
        _performance(spec, keys),
    ]


class ModelKeys:
    """The asset keys that a model's name gives."""

    def __init__(self, name: str) -> None:
        self.training_set = dg.AssetKey([name, "training_set"])
        self.challenger = dg.AssetKey([name, "challenger"])
        self.evaluation = dg.AssetKey([name, "evaluation"])
        self.champion = dg.AssetKey([name, "champion"])
        # Named as the lake table, so that dbt models which read the scores hang behind it.
        self.scores = dg.AssetKey(["ml", scores_table(name)])
        self.drift = dg.AssetKey([name, "drift"])
        self.performance = dg.AssetKey([name, "performance"])

    @property
    def training(self) -> list[dg.AssetKey]:
        """What a training run makes, up to the gate's verdict."""
        return [self.training_set, self.challenger, self.evaluation, self.champion]

    @property
    def serving(self) -> list[dg.AssetKey]:
        """What every run with new rows makes."""
        return [self.scores, self.drift, self.performance]


def broken_spec_asset(name: str, file: str, errors: str) -> dg.AssetsDefinition:
    """An asset that shows a broken spec in the UI and fails with its errors when it is run."""

    @dg.asset(
        key=dg.AssetKey([name, "spec"]),
        group_name=name,
        kinds={"yaml"},
        description=f"**This spec is broken; the other models run.**\n\n```\n{errors}\n```",
        metadata={"file": file},
    )
    def broken_spec() -> None:
        raise dg.Failure(description=errors, allow_retries=False)

    return broken_spec


def _training_set(spec: ModelSpec, keys: ModelKeys, table_key: dg.AssetKey) -> dg.AssetsDefinition:
    @dg.asset(
        key=keys.training_set,
        deps=[table_key],
        group_name=spec.name,
        kinds={"parquet"},
        description="Labelled rows known at one lake snapshot, split by time, written once.",
        check_specs=[
            dg.AssetCheckSpec(
                "no_leakage",
                asset=keys.training_set,
                blocking=True,
                description="No hold-out row is older than a training row or nearly repeats one.",
            )
        ],
    )
    def training_set(
        context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime]
    ) -> dg.MaterializeResult:
        lake = runtime.open_lake()
        built = build_training_set(
            lake,
            spec,
            artifact_path=runtime.artifact_path,
            provenance=runtime.provenance(context.run_id, spec.table),
            now=datetime.now(UTC),
        )
        problem = leakage(lake, built, spec)
        context.log.info(
            f"{spec.name}: {built.train_rows} training rows, {built.holdout_rows} hold-out rows"
            f" from {built.cutoff:%Y-%m-%d}, {built.excluded_rows} left out as near-duplicates"
        )
        return dg.MaterializeResult(
            metadata={
                "train_rows": built.train_rows,
                "holdout_rows": built.holdout_rows,
                "excluded_near_duplicates": built.excluded_rows,
                "cutoff": dg.MetadataValue.timestamp(built.cutoff),
                "training_set_hash": built.training_set_hash,
                "lake_snapshot": built.source_snapshot_id,
                "path": dg.MetadataValue.path(built.path),
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name="no_leakage",
                    passed=problem is None,
                    description=problem or "Groups and times are on one side each.",
                )
            ],
        )

    return training_set


def _challenger(spec: ModelSpec, keys: ModelKeys) -> dg.AssetsDefinition:
    @dg.asset(
        key=keys.challenger,
        deps=[keys.training_set],
        group_name=spec.name,
        kinds={"mlflow", "lightgbm" if spec.algorithm.name == "lightgbm" else "scikitlearn"},
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
        }
        if trained.cross_validation:
            folds = trained.cross_validation
            metadata[f"cross_validation_{folds.metric}"] = (
                f"{folds.mean:.4f} ± {folds.standard_deviation:.4f} over {len(folds.values)} folds"
            )
        return dg.MaterializeResult(metadata=metadata)

    return challenger


def _evaluation(spec: ModelSpec, keys: ModelKeys) -> dg.AssetsDefinition:
    @dg.asset(
        key=keys.evaluation,
        deps=[keys.challenger],
        group_name=spec.name,
        kinds={"table"},
        description="Challenger, champion and baseline on the same hold-out rows.",
        check_specs=[
            dg.AssetCheckSpec(
                "beats_baseline",
                asset=keys.evaluation,
                description="The challenger is better than the baseline on the gate's metric.",
            )
        ],
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
        plots = {
            "confusion": confusion_plot(subject.metrics.confusion, spec.label.classes),
            "reliability": reliability_plot(evaluated.reliability),
        }
        runtime.open_registry().log_evaluation(
            version.mlflow_run_id,
            {name: interval.estimate for name, interval in subject.intervals.items()},
            plots,
        )
        ours = subject.intervals[spec.gate.metric]
        theirs = evaluated.subjects["baseline"].intervals[spec.gate.metric]
        better = _is_better(ours.estimate, theirs.estimate, spec.gate.metric)
        text = (
            f"{spec.gate.metric} {ours.estimate:.4f} [{ours.low:.4f}, {ours.high:.4f}], baseline"
            f" {theirs.estimate:.4f} [{theirs.low:.4f}, {theirs.high:.4f}]"
        )
        context.log.info(f"{spec.name}: version {version.version}: {text}")
        return dg.MaterializeResult(
            metadata=evaluation_metadata(evaluated)
            | {f"plot_{name}": image(name, png) for name, png in plots.items()},
            check_results=[
                dg.AssetCheckResult(
                    check_name="beats_baseline",
                    passed=better,
                    severity=dg.AssetCheckSeverity.WARN,
                    description=text,
                    metadata={"confusion": image("confusion", plots["confusion"])},
                )
            ],
        )

    return evaluation


def _champion(spec: ModelSpec, keys: ModelKeys) -> dg.AssetsDefinition:
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


def _scores(spec: ModelSpec, keys: ModelKeys, table_key: dg.AssetKey) -> dg.AssetsDefinition:
    @dg.asset(
        key=keys.scores,
        deps=[table_key, keys.champion],
        group_name=spec.name,
        kinds={"ducklake", "parquet"},
        description="One row per entity and model version, appended, with its provenance.",
        freshness_policy=_freshness(spec),
        check_specs=[
            dg.AssetCheckSpec(
                "every_row_scored_once",
                asset=keys.scores,
                blocking=True,
                description="Each row of the feature table has one score of a version, not more.",
            )
        ],
    )
    def scores(
        context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime]
    ) -> dg.MaterializeResult:
        lake = runtime.open_lake()
        serving = champion_version(lake, spec.name)
        if serving is None:
            return _not_scored_yet(context, spec)
        rescore = _rescores(spec, context.run.tags)
        result = score_unscored(
            lake,
            spec,
            serving,
            rescore=rescore,
            engine=runtime.engine(),
            run_id=context.run_id,
            now=datetime.now(UTC),
        )
        context.log.info(
            f"{spec.name}: {result.rows} rows scored by version {serving.version}"
            f" ({result.rows_per_second:,.0f} rows/s)"
        )
        left, doubled = (
            count_unscored(lake, spec, serving.version, rescore=rescore),
            _doubled(
                lake.rows(
                    f'select entity_key from lake.ml."{scores_table(spec.name)}"'  # noqa: S608
                    " group by entity_key, model_version having count(*) > 1 limit 5"
                )
            ),
        )
        return dg.MaterializeResult(
            metadata={
                "rows_scored": result.rows,
                "dagster/row_count": lake.rows(
                    f'select count(*) from lake.ml."{scores_table(spec.name)}"'  # noqa: S608
                )[0][0],
                "model_version": serving.version,
                "seconds": result.seconds,
                "rows_per_second": result.rows_per_second,
                "lake_snapshot": result.snapshot_id,
                "training_set_hash": serving.training_set_hash,
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name="every_row_scored_once",
                    passed=left == 0 and not doubled,
                    description=f"{left} rows without a score. {doubled}".strip(),
                )
            ],
        )

    return scores


def _not_scored_yet(context: dg.AssetExecutionContext, spec: ModelSpec) -> dg.MaterializeResult:
    """Files came before the first training: not an error, the retraining sensor sees to it."""
    text = f"{spec.name} has no champion yet; its first training scores all rows."
    context.log.info(text)
    return dg.MaterializeResult(
        metadata={"rows_scored": 0, "model_version": 0},
        check_results=[
            dg.AssetCheckResult(
                check_name="every_row_scored_once",
                passed=True,
                description=text,
            )
        ],
    )


def _drift(spec: ModelSpec, keys: ModelKeys) -> dg.AssetsDefinition:
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
        step = drift_step(runtime.open_lake(), spec, run_id=context.run_id, now=datetime.now(UTC))
        return _monitored(context, "no_drift", step)

    return drift


def _performance(spec: ModelSpec, keys: ModelKeys) -> dg.AssetsDefinition:
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
        step = performance_step(
            runtime.open_lake(), spec, run_id=context.run_id, now=datetime.now(UTC)
        )
        return _monitored(context, "no_degradation", step)

    return performance


def _monitored(context: dg.AssetExecutionContext, check: str, step: Any) -> dg.MaterializeResult:
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


def _rescores(spec: ModelSpec, tags: Mapping[str, str]) -> bool:
    return spec.scoring.rescore == "on_promotion" or tags.get(RESCORE_TAG) == "true"


def _freshness(spec: ModelSpec) -> dg.FreshnessPolicy | None:
    if spec.freshness is None:
        return None
    return dg.FreshnessPolicy.time_window(
        fail_window=timedelta(hours=spec.freshness.fail_hours),
        warn_window=timedelta(hours=spec.freshness.warn_hours),
    )


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


def _is_better(ours: float, theirs: float, metric: str) -> bool:
    from ml_assets.metrics import metric_direction

    return ours > theirs if metric_direction(metric) == "higher" else ours < theirs


def _doubled(rows: list[tuple[Any, ...]]) -> str:
    keys = ", ".join(str(row[0]) for row in rows)
    return f"Scored twice by one version: {keys}." if rows else ""
