"""The asset of batch scoring."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import dagster as dg

from lakehouse.connection import Lake
from lakehouse.quoting import quote_identifier
from ml_assets.assets.keys import ModelKeys
from ml_assets.model_versions import ModelVersion, champion_version
from ml_assets.runtime import Runtime
from ml_assets.scoring import count_unscored, score_unscored, scores_table
from ml_assets.spec.document import ModelSpec
from ml_assets.spec.operating_sections import Freshness

RESCORE_TAG = "tidemark/rescore"


def scores_asset(spec: ModelSpec, keys: ModelKeys, table_key: dg.AssetKey) -> dg.AssetsDefinition:
    """Scores of the rows that the champion has not scored."""

    @dg.asset(
        key=keys.scores,
        deps=[table_key, keys.champion],
        group_name=spec.name,
        kinds={"ducklake", "parquet"},
        description="One row per entity and model version, appended, with its provenance.",
        freshness_policy=freshness_policy(spec.freshness),
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
        return dg.MaterializeResult(
            metadata={
                "rows_scored": result.rows,
                "dagster/row_count": lake.rows(
                    f"select count(*) from lake.ml.{quote_identifier(scores_table(spec.name))}"  # noqa: S608
                )[0][0],
                "model_version": serving.version,
                "seconds": result.seconds,
                "rows_per_second": result.rows_per_second,
                "lake_snapshot": result.snapshot_id,
                "training_set_hash": serving.training_set_hash,
            },
            check_results=[_every_row_scored_once(lake, spec, serving, rescore=rescore)],
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


def _rescores(spec: ModelSpec, tags: Mapping[str, str]) -> bool:
    return spec.scoring.rescore == "on_promotion" or tags.get(RESCORE_TAG) == "true"


def freshness_policy(freshness: Freshness | None) -> dg.FreshnessPolicy | None:
    """How old the table may be, as the spec says; None for any age."""
    if freshness is None:
        return None
    return dg.FreshnessPolicy.time_window(
        fail_window=timedelta(hours=freshness.fail_hours),
        warn_window=timedelta(hours=freshness.warn_hours),
    )


def _every_row_scored_once(
    lake: Lake, spec: ModelSpec, serving: ModelVersion, *, rescore: bool
) -> dg.AssetCheckResult:
    left = count_unscored(lake, spec, serving.version, rescore=rescore)
    doubled = lake.rows(
        f"select entity_key from lake.ml.{quote_identifier(scores_table(spec.name))}"  # noqa: S608
        " group by entity_key, model_version having count(*) > 1 limit 5"
    )
    description = f"{left} rows without a score."
    if doubled:
        description += f" Scored twice by one version: {', '.join(str(row[0]) for row in doubled)}."
    return dg.AssetCheckResult(
        check_name="every_row_scored_once",
        passed=left == 0 and not doubled,
        description=description,
    )
