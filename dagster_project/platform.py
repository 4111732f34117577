"""The platform as one object: settings, lake, registry, sources, specs, opened when first used."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import duckdb
from pydantic import SecretStr

from dagster_project.code_identity import code_versions, project_code, project_variables
from dagster_project.manifest import manifest_file, read_manifest
from dagster_project.settings import PROJECT_ROOT, Settings, environment_variable, load_settings
from lakehouse.backup.place import Place
from lakehouse.code_versions import CodeVersion
from lakehouse.connection import Lake, open_lake
from lakehouse.declaration.folder import BrokenSpec, SpecFolder
from lakehouse.feeds.document import Feed
from lakehouse.feeds.loading import load_feeds
from lakehouse.landing.raw_table import ensure_raw_table
from lakehouse.pulls.context import PullContext
from lakehouse.sources import Source, load_sources, with_feeds
from lakehouse.tables import create_tables
from ml_assets.estimator_class import check_estimator
from ml_assets.extraction.table import ensure_extractions_table
from ml_assets.registry import Registry
from ml_assets.runtime import Runtime
from ml_assets.scoring import ensure_scores_table
from ml_assets.spec.columns import check_columns, manifest_columns, manifest_tables
from ml_assets.spec.dependencies import check_dependencies
from ml_assets.spec.document import ModelSpec
from ml_assets.spec.extraction import ExtractionSpec
from ml_assets.spec.loading import Spec, load_specs


@dataclass(frozen=True)
class Platform:
    """Everything that commands, assets and sensors share in a process."""

    settings: Settings

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The dbt manifest of the project as it is now."""
        return read_manifest(manifest_file(self.settings))

    @cached_property
    def code(self) -> dict[str, CodeVersion]:
        """By dbt model: the code that its table rests on."""
        own = str(self.manifest["metadata"]["project_name"])
        return code_versions(self.manifest, project_variables(self.settings.dbt_project, own))

    @cached_property
    def _raw_tables(self) -> dict[str, Source]:
        return load_sources(self.settings.dbt_project)

    @cached_property
    def _feeds(self) -> SpecFolder[Feed]:
        return load_feeds(self.settings.sources, self._raw_tables)

    @cached_property
    def sources(self) -> dict[str, Source]:
        """The raw tables by name, each with what fills it."""
        broken = [feed.name for feed in self.broken_feeds]
        return with_feeds(self._raw_tables, self.feeds.values(), broken=broken)

    @property
    def feeds(self) -> dict[str, Feed]:
        """The source declarations, by name, that fit the raw tables."""
        return self._feeds.specs

    @property
    def broken_feeds(self) -> tuple[BrokenSpec, ...]:
        """The source declarations that cannot be used, each with its errors."""
        return self._feeds.broken

    @cached_property
    def accounted_sources(self) -> tuple[str, ...]:
        """The sources for which a dbt model says what became of each row."""
        models = {node["name"] for node in self.manifest["nodes"].values()}
        return tuple(name for name in self.sources if f"int_{name}_outcomes" in models)

    @cached_property
    def has_models_after_scoring(self) -> bool:
        """Whether a dbt model reads scores."""
        return any("after_scoring" in node["tags"] for node in self.manifest["nodes"].values())

    @cached_property
    def specs(self) -> SpecFolder[Spec]:
        """The specs of models and of extractions, good and broken."""
        return load_specs(self.settings.specs)

    @cached_property
    def _checked_specs(self) -> tuple[dict[str, Spec], tuple[BrokenSpec, ...]]:
        """The specs that fit the dbt project, and the broken ones with their errors."""
        good: dict[str, Spec] = {}
        broken = list(self.specs.broken)
        for name, spec in self.specs.specs.items():
            source = self.specs.sources[name]
            errors = check_columns(
                spec,
                manifest_columns(self.manifest, spec.table),
                source=source,
                tables=manifest_tables(self.manifest),
            )
            errors += check_dependencies(spec, self.manifest, source)
            if isinstance(spec, ModelSpec):
                errors += check_estimator(spec, source)
            if errors:
                broken.append(BrokenSpec(file=source.file, name=name, errors=tuple(errors)))
            else:
                good[name] = spec
        return good, tuple(broken)

    @property
    def good_specs(self) -> dict[str, ModelSpec]:
        """The models' specs, by name, that fit the dbt project."""
        good = self._checked_specs[0].items()
        return {name: spec for name, spec in good if isinstance(spec, ModelSpec)}

    @property
    def extractions(self) -> dict[str, ExtractionSpec]:
        """The extractions' specs, by name, that fit the dbt project."""
        good = self._checked_specs[0].items()
        return {name: spec for name, spec in good if isinstance(spec, ExtractionSpec)}

    @property
    def broken_specs(self) -> tuple[BrokenSpec, ...]:
        """The specs that cannot run, each with its errors."""
        return self._checked_specs[1]

    def lake(self) -> Lake:
        """The lake, with the platform's tables in it; starts the embedded Postgres if needed."""
        return self._prepared_lake

    @cached_property
    def _prepared_lake(self) -> Lake:
        lake = open_lake(self.settings.lake_config)
        self._prepare(lake)
        return lake

    def _prepare(self, lake: Lake) -> None:
        create_tables(lake)
        for source in self.sources.values():
            ensure_raw_table(lake, source)
        for name, spec in self.specs.specs.items():
            if isinstance(spec, ModelSpec):
                ensure_scores_table(lake, name)
            else:
                ensure_extractions_table(lake, name)

    @contextmanager
    def rehearsed_lake(self) -> Iterator[Lake | None]:
        """The lake as a run would find it, for looking at: nothing that is done to it remains.

        None where there is no lake yet, nor a server that could hold one.
        """
        if not self.settings.has_postgres:
            yield None
            return
        lake = Lake(self.settings.lake_config, create=False)
        with ExitStack() as stack:
            stack.callback(lake.close)
            try:
                stack.enter_context(lake.rehearsal())
            except duckdb.InvalidInputException as error:
                if "does not exist" not in str(error):
                    raise
                yield None
                return
            self._prepare(lake)
            yield lake

    def registry(self) -> Registry:
        """MLflow on the same Postgres, its files on the lake's storage."""
        settings = self.settings
        return Registry(settings.server.mlflow, settings.artifact_path, settings.lake_config)

    @property
    def place(self) -> Place:
        """What a backup covers, or a restore fills."""
        settings = self.settings
        return Place(
            lake=settings.lake_config,
            mlflow_url=SecretStr(settings.server.mlflow),
            dagster_url=SecretStr(settings.server.dagster),
            lake_path=settings.lake_path,
            landing_path=settings.landing_path,
        )

    @cached_property
    def runtime(self) -> Runtime:
        """What the model assets need."""
        return Runtime(
            open_lake=self.lake,
            open_registry=self.registry,
            artifact_path=self.settings.artifact_path,
            project_folder=PROJECT_ROOT,
            manifest_hash=project_code(self.code).version,
            code=self.code,
            workers=self.settings.workers,
        )

    @property
    def pull_context(self) -> PullContext:
        """What pulls need."""
        return PullContext(
            lake=self.lake(),
            landing=self.settings.landing_path,
            state_folder=self.settings.state,
            variable=environment_variable,
        )


def load_platform() -> Platform:
    """The platform of the process's settings, ready for Dagster (`DAGSTER_HOME` is set)."""
    platform = Platform(load_settings())
    os.environ["DAGSTER_HOME"] = str(platform.settings.dagster_home)
    return platform
