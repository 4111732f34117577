"""Reads what a plan needs to know, from the landing zone and the lake."""

from collections import Counter

from dagster_project.plan import ExtractionState, ModelState, PlatformState
from dagster_project.platform import Platform
from dagster_project.unfinished import (
    is_unmonitored,
    is_unpublished,
    unaccounted_sources,
    unprofiled_sources,
)
from lakehouse.connection import Lake
from lakehouse.landing.files import list_sources
from lakehouse.landing.ledger import pending_files
from ml_assets.extraction.table import count_waiting, extractions_table
from ml_assets.extraction.versions import extractor_state
from ml_assets.model_versions import champion_version
from ml_assets.scoring import count_unscored
from ml_assets.spec.document import ModelSpec
from ml_assets.spec.extraction import ExtractionSpec
from ml_assets.staleness import training_state


def read_state(platform: Platform, *, rescore: bool = False) -> PlatformState:
    """What is new and what is stale, as of now."""
    lake, settings = platform.lake(), platform.settings
    landed = list_sources(settings.landing_path, platform.sources, settings.s3_access)
    counts = Counter(file.source for file in pending_files(lake, landed))
    pending = {name: counts[name] for name in platform.sources}
    builds = lake.rows(
        "select load_id, manifest_hash from lake.ops.dbt_builds"
        " order by built_at desc, snapshot_id desc limit 1"
    )
    newest_load = lake.rows("select coalesce(max(load_id), 0) from lake.ops.file_ledger")[0][0]
    return PlatformState(
        pending=pending,
        newest_load=int(newest_load),
        built_load=int(builds[0][0]) if builds else None,
        manifest_hash=platform.runtime.manifest_hash,
        built_manifest_hash=str(builds[0][1]) if builds else None,
        models=tuple(
            _model_state(platform, lake, spec, rescore=rescore)
            for spec in platform.good_specs.values()
        )
        if newest_load or any(pending.values())
        else (),
        unprofiled=tuple(sorted(unprofiled_sources(lake) & set(platform.sources))),
        unaccounted=tuple(sorted(unaccounted_sources(lake) & set(platform.accounted_sources))),
        unpublished=platform.has_models_after_scoring
        and is_unpublished(lake, list(platform.good_specs), list(platform.extractions)),
        extractions=tuple(
            _extraction_state(platform, lake, spec, rescore=rescore)
            for spec in platform.extractions.values()
        )
        if newest_load or any(pending.values())
        else (),
    )


def _extraction_state(
    platform: Platform, lake: Lake, spec: ExtractionSpec, *, rescore: bool
) -> ExtractionState:
    champion = champion_version(lake, spec.name)
    rescore = rescore or spec.scoring.rescore == "on_promotion"
    state = extractor_state(lake, spec, platform.runtime.features_versions[spec.table])
    return ExtractionState(
        name=spec.name,
        outdated=state.reason_to_run,
        waiting=count_waiting(lake, spec, champion.version, rescore=rescore) if champion else 0,
        unmonitored=champion is not None
        and is_unmonitored(lake, spec.name, table=extractions_table(spec.name)),
    )


def _model_state(platform: Platform, lake: Lake, spec: ModelSpec, *, rescore: bool) -> ModelState:
    champion = champion_version(lake, spec.name)
    state = training_state(lake, spec, platform.runtime.features_versions[spec.table])
    rescore = rescore or spec.scoring.rescore == "on_promotion"
    return ModelState(
        name=spec.name,
        reason_to_train=state.reason_to_train,
        unscored=count_unscored(lake, spec, champion.version, rescore=rescore) if champion else 0,
        unmonitored=champion is not None and is_unmonitored(lake, spec.name),
    )
