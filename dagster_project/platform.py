"""The platform as one object: settings, lake, registry, sources, specs, opened when first used."""

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dagster_project.manifest import (
    features_versions,
    manifest_file,
    manifest_hash,
    read_manifest,
)
from dagster_project.settings import PROJECT_ROOT, Settings, load_settings
from lakehouse.connection import Lake, open_lake
from lakehouse.landing.ingest import ensure_raw_table
from lakehouse.sources import Source, load_sources
from lakehouse.tables import create_tables
from ml_assets.registry import Registry
from ml_assets.runtime import Runtime
from ml_assets.scoring import ensure_scores_table
from ml_assets.spec.loading import SpecFolder, load_specs


@dataclass(frozen=True)
class Platform:
    """Everything that commands, assets and sensors share in a process."""

    settings: Settings

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The dbt manifest of the project as it is now."""
        return read_manifest(manifest_file(self.settings))

    @cached_property
    def sources(self) -> dict[str, Source]:
        """The declared sources by name."""
        return load_sources(self.settings.dbt_project)

    @cached_property
    def specs(self) -> SpecFolder:
        """The model specs, good and broken."""
        return load_specs(self.settings.specs)

    def lake(self) -> Lake:
        """The lake, with the platform's tables in it; starts the embedded Postgres if needed."""
        lake = open_lake(self.settings.lake_config)
        create_tables(lake)
        for source in self.sources.values():
            ensure_raw_table(lake, source)
        for name in self.specs.specs:
            ensure_scores_table(lake, name)
        return lake

    def registry(self) -> Registry:
        """MLflow on the same Postgres, its files on the lake's storage."""
        settings = self.settings
        return Registry(
            settings.server.mlflow, settings.artifact_path, settings.lake_config.s3
        )

    @cached_property
    def runtime(self) -> Runtime:
        """What the model assets need."""
        return Runtime(
            open_lake=self.lake,
            open_registry=self.registry,
            artifact_path=self.settings.artifact_path,
            project_folder=PROJECT_ROOT,
            manifest_hash=manifest_hash(self.manifest),
            features_versions=features_versions(self.manifest),
            workers=self.settings.workers,
        )


def load_platform() -> Platform:
    """The platform of the process's settings, ready for Dagster (`DAGSTER_HOME` is set)."""
    platform = Platform(load_settings())
    os.environ["DAGSTER_HOME"] = str(platform.settings.dagster_home)
    return platform
