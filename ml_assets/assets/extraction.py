"""The assets of an extraction: its version, the gate, what it finds, and the monitors."""

from datetime import UTC, datetime
from typing import Any

import dagster as dg

from lakehouse.connection import Lake
from lakehouse.errors import TidemarkError
from lakehouse.finished_steps import record_finished
from lakehouse.quoting import quote_identifier
from ml_assets.assets.keys import ExtractionKeys
from ml_assets.assets.metadata import verdict_metadata
from ml_assets.assets.monitors import monitored
from ml_assets.assets.serving import RESCORE_TAG, freshness_policy
from ml_assets.extraction.judging import Judgement, judge_version
from ml_assets.extraction.scoring import extract_waiting
from ml_assets.extraction.steps import occurrence_step, realised_step
from ml_assets.extraction.table import count_waiting, extractions_table
from ml_assets.extraction.versions import current_version
from ml_assets.model_versions import ModelVersion, champion_version, newest_version
from ml_assets.runtime import Runtime
from ml_assets.spec.extraction import ExtractionSpec


def extraction_assets(spec: ExtractionSpec, table_key: dg.AssetKey) -> list[dg.AssetsDefinition]:
    """All assets of one extraction, in the group of its name.

    Args:
        spec: The extraction's spec.
        table_key: Asset key of the dbt model that holds its texts.
    """
    keys = ExtractionKeys(spec.name)
    return [
        _extractor_asset(spec, keys, table_key),
        _champion_asset(spec, keys),
        _extractions_asset(spec, keys, table_key),
        _drift_asset(spec, keys),
        _performance_asset(spec, keys),
    ]


def _extractor_asset(
    spec: ExtractionSpec, keys: ExtractionKeys, table_key: dg.AssetKey
) -> dg.AssetsDefinition:
    @dg.asset(
        key=keys.extractor,
        deps=[table_key],
        group_name=spec.name,
        kinds={"mlflow", "yaml"},
        description="The version that the spec declares; a new one where the declaration, a"
        " library or the texts' code has changed.",
    )
    def extractor(
        context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime]
    ) -> dg.MaterializeResult:
        version = current_version(
            runtime.open_lake(),
            spec,
            registry=runtime.open_registry(),
            provenance=runtime.provenance(context.run_id, spec.table),
            now=datetime.now(UTC),
        )
        return dg.MaterializeResult(
            metadata={
                "model_version": version.version,
                "spec_hash": version.spec_hash,
                "fields": ", ".join(spec.extraction.fields),
            }
        )

    return extractor


def _champion_asset(spec: ExtractionSpec, keys: ExtractionKeys) -> dg.AssetsDefinition:
    @dg.asset(
        key=keys.champion,
        deps=[keys.extractor],
        group_name=spec.name,
        kinds={"mlflow"},
        description="The gate: a new version serves unless labelled rows speak against it.",
    )
    def champion(
        context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime]
    ) -> dg.MaterializeResult:
        lake = runtime.open_lake()
        version = newest_version(lake, spec.name, run_id=context.run_id)
        if version is None:
            raise TidemarkError(
                f"{spec.name} has no version.",
                hint=f"Materialize {spec.name}/extractor first; `tidemark run` does all in order.",
            )
        judged = judge_version(
            lake,
            spec,
            version,
            registry=runtime.open_registry(),
            now=datetime.now(UTC),
            run_id=context.run_id,
        )
        if judged.verdict is not None:
            context.log.info(f"{spec.name}: {judged.verdict.reason}")
        serving = champion_version(lake, spec.name)
        return dg.MaterializeResult(
            metadata=_judgement_metadata(judged)
            | {"champion_version": serving.version if serving else 0}
        )

    return champion


def _extractions_asset(
    spec: ExtractionSpec, keys: ExtractionKeys, table_key: dg.AssetKey
) -> dg.AssetsDefinition:
    @dg.asset(
        key=keys.extractions,
        deps=[table_key, keys.champion],
        group_name=spec.name,
        kinds={"ducklake", "parquet"},
        description="One row per entity and version, appended: each value with its place.",
        freshness_policy=freshness_policy(spec.freshness),
        check_specs=[
            dg.AssetCheckSpec(
                "every_row_read_once",
                asset=keys.extractions,
                blocking=True,
                description="A version has read each row of the table, and none twice.",
            )
        ],
    )
    def extractions(
        context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime]
    ) -> dg.MaterializeResult:
        lake = runtime.open_lake()
        serving = champion_version(lake, spec.name)
        if serving is None:
            text = f"{spec.name} has no champion: see the gate's reason in ops.promotions."
            context.log.warning(text)
            return dg.MaterializeResult(
                metadata={"rows_read": 0, "model_version": 0},
                check_results=[_check(passed=True, description=text)],
            )
        asked = context.run.tags.get(RESCORE_TAG) == "true"
        rescore = asked or spec.scoring.rescore == "on_promotion"
        result = extract_waiting(
            lake,
            spec,
            serving,
            rescore=rescore,
            engine=runtime.engine(),
            run_id=context.run_id,
            now=datetime.now(UTC),
        )
        context.log.info(
            f"{spec.name}: {result.mentions} mentions in {result.rows} rows by version"
            f" {serving.version} ({result.rows_per_second:,.0f} rows/s)"
        )
        return dg.MaterializeResult(
            metadata={
                "rows_read": result.rows,
                "mentions": result.mentions,
                "matches_that_could_not_be_read": result.unread,
                "dagster/row_count": _rows(lake, spec),
                "model_version": serving.version,
                "seconds": result.seconds,
                "rows_per_second": result.rows_per_second,
                "lake_snapshot": result.snapshot_id,
            },
            check_results=[_every_row_read_once(lake, spec, serving, rescore=rescore)],
        )

    return extractions


def _drift_asset(spec: ExtractionSpec, keys: ExtractionKeys) -> dg.AssetsDefinition:
    @dg.asset(
        key=keys.drift,
        deps=[keys.extractions],
        group_name=spec.name,
        kinds={"table"},
        description="How often each field has a value, and which, by window.",
        check_specs=[
            dg.AssetCheckSpec(
                "no_drift",
                asset=keys.drift,
                description="No field has moved past the spec's limit.",
            )
        ],
    )
    def drift(
        context: dg.AssetExecutionContext, runtime: dg.ResourceParam[Runtime]
    ) -> dg.MaterializeResult:
        lake = runtime.open_lake()
        seen = lake.snapshot_id()
        step = occurrence_step(lake, spec, run_id=context.run_id, now=datetime.now(UTC))
        record_finished(lake, "drift", spec.name, snapshot_id=seen, run_id=context.run_id)
        return monitored(context, "no_drift", step)

    return drift


def _performance_asset(spec: ExtractionSpec, keys: ExtractionKeys) -> dg.AssetsDefinition:
    @dg.asset(
        key=keys.performance,
        deps=[keys.extractions],
        group_name=spec.name,
        kinds={"table"},
        description="Precision, recall and F1 of each window's labelled rows.",
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
        step = realised_step(lake, spec, run_id=context.run_id, now=datetime.now(UTC))
        record_finished(lake, "performance", spec.name, snapshot_id=seen, run_id=context.run_id)
        return monitored(context, "no_degradation", step)

    return performance


def _judgement_metadata(judged: Judgement) -> dict[str, Any]:
    metadata: dict[str, Any] = {"labelled_rows": judged.labelled.rows}
    if judged.verdict is not None:
        metadata |= verdict_metadata(judged.verdict)
    lines = ["| version | field | precision | recall | F1 |", "|---|---|---|---|---|"]
    for name, fields in judged.qualities.items():
        for field, found in fields.items():
            cells = [
                f"{one.estimate:.4f} [{one.low:.4f}, {one.high:.4f}]" if one else ""
                for one in (found.get(metric) for metric in ("precision", "recall", "f1"))
            ]
            lines.append(f"| {name} | {field} | {' | '.join(cells)} |")
    if judged.qualities:
        metadata["quality"] = dg.MetadataValue.md("\n".join(lines))
    return metadata


def _every_row_read_once(
    lake: Lake, spec: ExtractionSpec, serving: ModelVersion, *, rescore: bool
) -> dg.AssetCheckResult:
    left = count_waiting(lake, spec, serving.version, rescore=rescore)
    doubled = lake.rows(
        f"select entity_key from lake.ml.{quote_identifier(extractions_table(spec.name))}"  # noqa: S608
        " group by entity_key, model_version having count(*) > 1 limit 5"
    )
    description = f"{left} rows wait."
    if doubled:
        description += f" Read twice by one version: {', '.join(str(row[0]) for row in doubled)}."
    return _check(passed=left == 0 and not doubled, description=description)


def _check(*, passed: bool, description: str) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name="every_row_read_once", passed=passed, description=description
    )


def _rows(lake: Lake, spec: ExtractionSpec) -> int:
    table = quote_identifier(extractions_table(spec.name))
    return int(lake.rows(f"select count(*) from lake.ml.{table}")[0][0])  # noqa: S608
