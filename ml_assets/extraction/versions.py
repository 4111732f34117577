"""Versions of an extractor: nothing is trained, so a new declaration is a new version at once."""

from dataclasses import dataclass
from datetime import datetime

from lakehouse.code_versions import Parts
from lakehouse.connection import Lake
from lakehouse.scratch import scratch_folder
from ml_assets.extraction.declaration import (
    ALGORITHM,
    UNTRAINED,
    declaration,
    declaration_hash,
    save_extractor,
)
from ml_assets.model_versions import CHALLENGER, ModelVersion, newest_version, record_version
from ml_assets.provenance import Provenance
from ml_assets.registry import Registry
from ml_assets.spec.extraction import ExtractionSpec
from ml_assets.staleness import code_changes

NO_VERSION = "there is no version yet"


@dataclass(frozen=True)
class ExtractorState:
    """What the newest version was made from, beside what there is now; None without a version.

    Attributes:
        spec_hash, features_version: As they are now.
        newest: The newest version.
        judged: Whether the gate has judged it.
        code_changes: What has changed in the texts' code since, in words; empty where nothing has,
            or where the lake does not know the former state.
    """

    spec_hash: str
    features_version: str
    newest: ModelVersion | None
    judged: bool
    code_changes: str = ""

    @property
    def outdated(self) -> str | None:
        """Why a new version is needed, in words; None if the newest is what the spec declares."""
        if self.newest is None:
            return NO_VERSION
        if self.newest.spec_hash != self.spec_hash:
            return f"the declaration or a library has changed since version {self.newest.version}"
        if self.newest.features_version != self.features_version:
            reason = f"the texts' code has changed since version {self.newest.version}"
            return f"{reason}: {self.code_changes}" if self.code_changes else reason
        return None

    @property
    def reason_to_run(self) -> str | None:
        """Why there is something to do before any row is read; None if there is not."""
        if self.outdated is None and self.newest is not None and not self.judged:
            number = self.newest.version
            return f"version {number} was not judged by the gate: its run did not finish"
        return self.outdated


def extractor_state(
    lake: Lake, spec: ExtractionSpec, features_version: str, *, features_parts: Parts | None = None
) -> ExtractorState:
    """The extraction's state in the lake.

    Args:
        lake: The lake.
        spec: The extraction's spec.
        features_version: Identity of the code of the spec's table, as it is now.
        features_parts: What that is made of; None for what the lake knows of it.
    """
    newest = newest_version(lake, spec.name)
    return ExtractorState(
        spec_hash=declaration_hash(spec),
        features_version=features_version,
        newest=newest,
        judged=newest is not None and was_judged(lake, newest),
        code_changes=code_changes(lake, newest, features_version, features_parts),
    )


def was_judged(lake: Lake, version: ModelVersion) -> bool:
    """Whether the gate has judged the version."""
    return bool(
        lake.rows(
            "select 1 from lake.ops.promotions where model = ? and to_version = ? limit 1",
            [version.model, version.version],
        )
    )


def current_version(
    lake: Lake, spec: ExtractionSpec, *, registry: Registry, provenance: Provenance, now: datetime
) -> ModelVersion:
    """The version that the spec declares: the newest if it is that, else a new one, registered."""
    state = extractor_state(lake, spec, provenance.features_version)
    if state.newest is not None and state.outdated is None:
        return state.newest
    with scratch_folder(lake.config.scratch_folder) as folder:
        bundle = folder / "bundle"
        bundle_hash = save_extractor(spec, bundle)
        libraries = declaration(spec)["libraries"]
        logged = registry.log_version(
            spec.name,
            bundle,
            parameters={
                "algorithm": ALGORITHM,
                "fields": ", ".join(spec.extraction.fields),
                "columns": ", ".join(spec.extraction.columns),
                **libraries,
            },
            metrics={},
            tags={
                "features_version": provenance.features_version,
                "spec_hash": state.spec_hash,
                "dbt_manifest_hash": provenance.manifest_hash,
                "git_revision": provenance.git_revision,
                "dagster_run_id": provenance.run_id,
                "bundle_hash": bundle_hash,
            },
        )
    version = ModelVersion(
        model=spec.name,
        version=logged.version,
        algorithm=ALGORITHM,
        bundle_path=logged.bundle_path,
        bundle_hash=bundle_hash,
        mlflow_run_id=logged.mlflow_run_id,
        training_set_hash=UNTRAINED,
        features_version=provenance.features_version,
        spec_hash=state.spec_hash,
        manifest_hash=provenance.manifest_hash,
        git_revision=provenance.git_revision,
        source_snapshot_id=lake.snapshot_id(),
        fit_seconds=0.0,
        predict_seconds=0.0,
        trained_at=now,
        run_id=provenance.run_id,
    )
    record_version(lake, version)
    registry.set_alias(spec.name, CHALLENGER, version.version)
    return version
