"""The dbt project as Dagster assets: built under the writer lock, counted, recorded."""

import logging
import os
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from importlib import import_module
from importlib.metadata import version
from typing import Any

import dagster as dg
from packaging.version import Version

from dagster_project.code_identity import project_code
from dagster_project.concerned import models_to_build
from dagster_project.dagster_dbt_alone import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtCliResource,
)
from dagster_project.dagster_dbt_alone import dbt_assets as dbt_assets_of
from dagster_project.dbt_failure import explained_failure
from dagster_project.dbt_part import DbtPart, after_scoring, before_scoring
from dagster_project.job_names import BUILD_AFTER_SCORING, BUILD_BEFORE_SCORING
from dagster_project.manifest import dbt_arguments, executable
from dagster_project.platform import Platform
from dagster_project.rebuilds import VARIABLE as REBUILD
from dagster_project.rebuilds import outdated_models, record_code
from dagster_project.settings import Settings
from lakehouse.catalog_dump import CatalogDump
from lakehouse.code_versions import record_versions
from lakehouse.dbt_environment import dbt_environment
from lakehouse.finished_steps import record_finished
from lakehouse.quoting import quote_identifier
from lakehouse.table_columns import column_types
from lakehouse.writer_lock import writer_lock
from ml_assets.assets.keys import ExtractionKeys, ModelKeys

_log = logging.getLogger(__name__)


class _DbtCli(DbtCliResource):
    """dbt without what dagster-dbt does before each build, which takes as long as a small build.

    It asks `dbt --version` in a process of its own, and opens an adapter in this one, which serves
    only its own row counts (see `_counted`) and would be a second engine on the lake here.
    """

    @property
    def _cli_version(self) -> Version:
        return Version(version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> Any:
        del args


class _Translator(DagsterDbtTranslator):
    def get_group_name(self, dbt_resource_props: Any) -> str | None:
        return str(dbt_resource_props["fqn"][1])


def dbt_model_assets(platform: Platform) -> list[dg.AssetsDefinition]:
    """Multi-assets: the dbt models that feed ML models, and those that read scores, if any do."""
    assets = [_build(platform, BUILD_BEFORE_SCORING, before_scoring(platform.manifest))]
    if platform.has_models_after_scoring:
        assets.append(_build(platform, BUILD_AFTER_SCORING, after_scoring(platform.manifest)))
    return assets


def with_freshness(
    assets: dg.AssetsDefinition, keys: set[dg.AssetKey], *, warn_days: int, fail_days: int
) -> dg.AssetsDefinition:
    """The assets with a freshness policy on those keys."""
    policy = dg.FreshnessPolicy.time_window(
        fail_window=timedelta(days=fail_days), warn_window=timedelta(days=warn_days)
    )
    return assets.map_asset_specs(
        lambda spec: spec.replace_attributes(freshness_policy=policy) if spec.key in keys else spec
    )


def _build(platform: Platform, name: str, part: DbtPart) -> dg.AssetsDefinition:
    @dbt_assets_of(
        manifest=part.manifest,
        select="",
        name=name,
        dagster_dbt_translator=_Translator(
            settings=DagsterDbtTranslatorSettings(enable_source_tests_as_checks=False)
        ),
    )
    def build(context: dg.AssetExecutionContext) -> Iterator[Any]:
        lake = platform.lake()
        settings = platform.settings
        config = settings.lake_config
        target = settings.state / "dbt" / "runs" / context.run_id / name
        seen = lake.snapshot_id()
        os.environ.update(dbt_environment(config, target_path=target))
        models = {key.path[-1] for key in context.selected_asset_keys}
        code = {
            name: version
            for name, version in platform.runtime.features_versions.items()
            if name in models
        }
        with writer_lock(config.postgres_url.get_secret_value(), f"dbt build {context.run_id[:8]}"):
            dump = _started_dump(settings)
            outdated = outdated_models(lake, code)
            os.environ.update({REBUILD: ",".join(outdated)})
            if outdated:
                context.log.info(f"other code than before, built from all rows: {outdated}")
            load_id = newest_load(platform)
            missing = sorted(set(models_to_build(platform, lake)) - models)
            # dagster-dbt names what to build where that is less than the part.
            selection = () if context.is_subset else part.selection
            invocation = _dbt_cli(settings).cli(
                ["build", *selection, *dbt_arguments(settings, target)],
                context=context,
                target_path=target,
                raise_on_error=False,
            )
            # The whole, for what dbt tells of nodes around the part.
            invocation.manifest = platform.manifest
            _prepare_models(platform, context.run.asset_selection)
            for event in invocation.stream():
                yield _counted(platform, context, event)
            snapshot_id = lake.snapshot_id()
        if warning := dump.warning():
            context.log.warning(warning)
        if not invocation.is_successful():
            raise explained_failure(target, settings.dbt_project)
        if name == BUILD_BEFORE_SCORING and missing:
            context.log.info(f"not a whole build: new rows or code wait for {missing}")
        built_at = datetime.now(UTC)
        with lake.write("record dbt build") as write:
            record_code(lake, write, code, built_at=built_at, run_id=context.run_id)
            if name == BUILD_BEFORE_SCORING and not missing:
                versions = platform.runtime.code
                known = [project_code(versions), *versions.values()]
                record_versions(write.connection, known, now=built_at)
                manifest_hash = platform.runtime.manifest_hash
                write.connection.execute(
                    "insert into lake.ops.dbt_builds values (?, ?, ?, ?, ?)",
                    [built_at, load_id, manifest_hash, context.run_id, snapshot_id],
                )
        if name != BUILD_BEFORE_SCORING:
            record_finished(lake, name, "dbt", snapshot_id=seen, run_id=context.run_id)

    return build


def _dbt_cli(settings: Settings) -> _DbtCli:
    return _DbtCli(
        project_dir=str(settings.dbt_project),
        profiles_dir=str(settings.dbt_project),
        dbt_executable=executable("tidemark-dbt"),
    )


def _started_dump(settings: Settings) -> CatalogDump:
    dump = CatalogDump(
        settings.lake_config.postgres_url.get_secret_value(),
        settings.catalog_dump_folder,
        keep=settings.keep_catalog_dumps,
    )
    dump.start()
    return dump


def _prepare_models(platform: Platform, selected: AbstractSet[dg.AssetKey] | None) -> None:
    """Imports what the models' steps of this run need, seconds for which dbt is waited for anyway.

    Not in a thread: two threads that import the same libraries see them half-made.
    """
    models = [ModelKeys(name) for name in platform.good_specs]
    trains = any(selected is None or key in selected for keys in models for key in keys.training)
    serving = [key for keys in models for key in keys.serving]
    serving += [key for name in platform.extractions for key in ExtractionKeys(name).serving]
    serves = any(selected is None or key in selected for key in serving)
    try:
        if trains or serves:
            # First: it looks through all modules that are there, for a thousand functions.
            import_module("skops.io")
            import_module("matplotlib.figure")
        if trains:
            platform.registry().warm_up()
    except Exception:  # noqa: BLE001 - the step that needs it tells what is wrong
        _log.debug("the libraries of the models could not be prepared", exc_info=True)


def newest_load(platform: Platform) -> int:
    """The newest load of the ledger, or 0."""
    return int(
        platform.lake().rows("select coalesce(max(load_id), 0) from lake.ops.file_ledger")[0][0]
    )


def _counted(platform: Platform, context: dg.AssetExecutionContext, event: Any) -> Any:
    """The event, with the table's row count and columns if it is a materialization.

    One query on the connection that is open anyway: dagster-dbt's own fetching opens another
    engine and costs about 7 s a build.
    """
    if not isinstance(event, dg.Output):
        return event
    key = context.asset_key_for_output(event.output_name)
    schema, table = key.path[-2:]
    lake = platform.lake()
    count = lake.rows(
        f"select count(*) from lake.{quote_identifier(schema)}.{quote_identifier(table)}"  # noqa: S608
    )[0][0]
    return event.with_metadata(
        {
            **event.metadata,
            "dagster/row_count": count,
            "dagster/column_schema": dg.TableSchema(
                columns=[
                    dg.TableColumn(name, kind)
                    for name, kind in column_types(lake, schema, table).items()
                ]
            ),
        }
    )
