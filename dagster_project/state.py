"""Reads what a plan needs to know, from the landing zone and the lake."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

from dagster_project.code_identity import project_parts
from dagster_project.concerned import models_to_build
from dagster_project.lineage import sources_of
from dagster_project.plan import ExtractionState, ModelState, PlatformState
from dagster_project.platform import Platform
from dagster_project.rebuilds import is_made_by
from dagster_project.unfinished import (
    is_unmonitored,
    is_unpublished,
    unaccounted_sources,
    unprofiled_sources,
)
from lakehouse.code_versions import changes_in_words, parts_of
from lakehouse.connection import Lake
from lakehouse.landing.files import LandedFile, list_sources
from lakehouse.landing.ledger import pending_files
from lakehouse.table_columns import column_types
from ml_assets.extraction.table import count_waiting, extractions_table
from ml_assets.extraction.versions import NO_VERSION, extractor_state
from ml_assets.model_versions import champion_version
from ml_assets.scoring import count_unscored, scores_table
from ml_assets.spec.document import ModelSpec
from ml_assets.spec.extraction import ExtractionSpec
from ml_assets.staleness import UNTRAINED, TrainingState, training_state
from ml_assets.training_set import count_labelled

SpecT = TypeVar("SpecT", ModelSpec, ExtractionSpec)


def read_state(
    platform: Platform,
    *,
    rescore: bool = False,
    lake: Lake | None = None,
    files: Sequence[LandedFile] | None = None,
) -> PlatformState:
    """What is new and what is stale, as of now.

    Args:
        platform: The platform.
        rescore: Whether what older champions have scored counts as not scored.
        lake: In place of the platform's, where that is not to be written to.
        files: The pending files, where the landing zone was listed already.
    """
    lake, settings = lake or platform.lake(), platform.settings
    if files is None:
        landed = list_sources(settings.landing_path, platform.sources.values(), settings.s3_access)
        files = pending_files(lake, landed)
    builds = lake.rows(
        "select load_id, manifest_hash from lake.ops.dbt_builds"
        " order by built_at desc, snapshot_id desc limit 1"
    )
    built_hash = str(builds[0][1]) if builds else None
    newest_load = lake.rows("select coalesce(max(load_id), 0) from lake.ops.file_ledger")[0][0]
    built_load = int(builds[0][0]) if builds else None
    pending = {file.source for file in files}
    fed = {*_loaded(lake), *pending}
    to_build = models_to_build(platform, lake, pending=pending)
    return PlatformState(
        pending=_counts(platform, files),
        newest_load=int(newest_load),
        built_load=built_load,
        manifest_hash=platform.runtime.manifest_hash,
        built_manifest_hash=built_hash,
        models=tuple(
            replace(
                _model_state(platform, lake, spec, rescore=rescore),
                built=spec.table in to_build,
            )
            for spec in _fed(platform, platform.good_specs, fed)
        ),
        unprofiled=tuple(sorted(unprofiled_sources(lake) & set(platform.sources))),
        unaccounted=tuple(sorted(unaccounted_sources(lake) & set(platform.accounted_sources))),
        publishes=platform.has_models_after_scoring,
        unpublished=platform.has_models_after_scoring
        and is_unpublished(lake, *_published(platform)),
        extractions=tuple(
            replace(
                _extraction_state(platform, lake, spec, rescore=rescore),
                built=spec.table in to_build,
            )
            for spec in _fed(platform, platform.extractions, fed)
        ),
        files=tuple(files),
        code_changes=_code_changes(platform, lake, built_hash),
        dbt_models=to_build,
    )


def state_without_lake(platform: Platform) -> PlatformState:
    """What is new before the first run: everything that has landed."""
    settings = platform.settings
    files = list_sources(settings.landing_path, platform.sources.values(), settings.s3_access)
    fed = {file.source for file in files}
    return PlatformState(
        pending=_counts(platform, files),
        newest_load=0,
        built_load=None,
        manifest_hash=platform.runtime.manifest_hash,
        built_manifest_hash=None,
        models=tuple(
            ModelState(spec.name, UNTRAINED, 0) for spec in _fed(platform, platform.good_specs, fed)
        ),
        extractions=tuple(
            ExtractionState(spec.name, NO_VERSION, 0)
            for spec in _fed(platform, platform.extractions, fed)
        ),
        files=tuple(files),
    )


def _fed(platform: Platform, specs: Mapping[str, SpecT], sources: Collection[str]) -> list[SpecT]:
    """The specs whose table has rows, or will have: some of its sources has files."""
    if not sources:
        return []
    read = {name: sources_of(platform.manifest, spec.table) for name, spec in specs.items()}
    return [
        spec
        for spec in specs.values()
        # A table over no source has its rows from elsewhere.
        if not read[spec.name] & set(platform.sources) or read[spec.name] & set(sources)
    ]


def _loaded(lake: Lake) -> set[str]:
    rows = lake.rows("select distinct source from lake.ops.file_ledger where loaded > 0")
    return {str(row[0]) for row in rows}


def _counts(platform: Platform, files: Sequence[LandedFile]) -> dict[str, int]:
    counts = Counter(file.source for file in files)
    return {name: counts[name] for name in platform.sources}


def _code_changes(platform: Platform, lake: Lake, built_hash: str | None) -> str:
    """How the code differs from that of the last build; empty where the lake does not know that."""
    if built_hash == platform.runtime.manifest_hash:
        return ""
    models = parts_of(lake, built_hash) or {}
    found = [parts_of(lake, version) for version in models.values()]
    built = {name: value for parts in found for name, value in (parts or {}).items()}
    return changes_in_words(built or None, project_parts(platform.runtime.code))


def _published(platform: Platform) -> tuple[list[str], list[str]]:
    """The models whose scores a dbt model reads, and the extractions whose values one reads."""
    read = {source["name"] for source in platform.manifest["sources"].values()}
    models = [name for name in platform.good_specs if scores_table(name) in read]
    return models, [name for name in platform.extractions if extractions_table(name) in read]


def _model_state(platform: Platform, lake: Lake, spec: ModelSpec, *, rescore: bool) -> ModelState:
    champion = champion_version(lake, spec.name)
    code = platform.runtime.code[spec.table]
    state = training_state(lake, spec, code.version, features_parts=code.parts)
    reason = state.reason_to_train
    if reason and _waits_for_rows(lake, spec, state, code.version):
        reason = None
    rescore = rescore or spec.scoring.rescore == "on_promotion"
    unscored = 0
    if champion is not None and _can_be_counted(lake, spec):
        unscored = count_unscored(lake, spec, champion.version, rescore=rescore)
    return ModelState(
        name=spec.name,
        reason_to_train=reason,
        serves=champion is not None,
        unscored=unscored,
        unmonitored=champion is not None and is_unmonitored(lake, spec.name),
    )


def _waits_for_rows(lake: Lake, spec: ModelSpec, state: TrainingState, code_hash: str) -> bool:
    """Whether the table that is there holds no row to train on, or that cannot be told yet.

    Other sources may fill it, and never with a row for this model. Where the build brings one, the
    training follows in the same `tidemark run`; where there is no table yet, in the same round.
    """
    if not column_types(lake, "marts", spec.table):
        return False
    if not is_made_by(lake, spec.table, code_hash):
        return state.newest_version is None
    return count_labelled(lake, spec, now=datetime.now(UTC)) == 0


def _extraction_state(
    platform: Platform, lake: Lake, spec: ExtractionSpec, *, rescore: bool
) -> ExtractionState:
    code = platform.runtime.code[spec.table]
    state = extractor_state(lake, spec, code.version, features_parts=code.parts)
    champion, outdated = champion_version(lake, spec.name), state.reason_to_run
    rescore = rescore or spec.scoring.rescore == "on_promotion"
    waiting = 0
    # Where the gate has refused the only version, no row is ever read.
    if (champion is not None or outdated) and _can_be_counted(lake, spec):
        # A version to come has read nothing yet; versions are counted from 1.
        reader = champion.version if champion is not None and not outdated else 0
        waiting = count_waiting(lake, spec, reader, rescore=rescore)
    return ExtractionState(
        name=spec.name,
        outdated=outdated,
        waiting=waiting,
        unmonitored=champion is not None
        and is_unmonitored(lake, spec.name, table=extractions_table(spec.name)),
    )


def _can_be_counted(lake: Lake, spec: ModelSpec | ExtractionSpec) -> bool:
    """Whether the table, as it was built last, has what the spec identifies its rows by."""
    return {spec.entity_key, *spec.rows} <= set(column_types(lake, "marts", spec.table))
