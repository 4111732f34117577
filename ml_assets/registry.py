"""MLflow as the registry that people look at: runs, metrics, plots, versions, aliases.

Bundles are logged as plain files (no pickle); `mlflow.pyfunc.load_model` reads them through the
installed `ml_assets.mlflow_flavor`, never through code out of storage.
"""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg

from lakehouse.config import LakeConfig
from lakehouse.errors import TidemarkError
from lakehouse.scratch import scratch_folder
from ml_assets.artifacts import copy_files, remove_published

_FOLDER = "mlflow"  # of the runs' files, below the artifacts
_BUNDLE = "model"
# A tag that all runs have which the platform makes.
_OWN = "bundle_hash"
_PAGE = 1000
# MLflow refuses longer parameter values.
_MAX_PARAMETER = 500


@dataclass(frozen=True)
class LoggedVersion:
    """A version as MLflow knows it."""

    version: int
    mlflow_run_id: str
    bundle_path: str


class Registry:
    """The MLflow tracking store and model registry.

    Args:
        url: libpq URL of MLflow's database.
        artifact_path: Folder or s3:// prefix for runs' files: the lake's own storage.
        config: The lake's, for access to its storage.
    """

    def __init__(self, url: str, artifact_path: str, config: LakeConfig) -> None:
        self._url = url
        self._store = url.replace("postgresql://", "postgresql+psycopg://", 1)
        self._artifact_path = artifact_path
        self._config = config

    def warm_up(self) -> None:
        """Imports MLflow and prepares its database: 3 to 6 s that can pass beside other work."""
        self._client().search_experiments(max_results=1)

    def log_version(
        self,
        model: str,
        bundle: Path,
        *,
        parameters: Mapping[str, object],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        series: Mapping[str, Sequence[float]] | None = None,
    ) -> LoggedVersion:
        """Logs the bundle as a new run and a new version of the model.

        Args:
            model: Name of the model.
            bundle: Folder of its files.
            parameters: Of the run.
            metrics: Of the run.
            tags: Of the run and of the version.
            series: Metrics with a value for each step, such as each fold; the first step is 1.
        """
        from mlflow.entities import Metric, Param

        client = self._client()
        run = client.create_run(self._experiment(client, model), run_name=model, tags=dict(tags))
        run_id: str = run.info.run_id
        now = int(time.time() * 1000)
        client.log_batch(
            run_id,
            metrics=[
                *(Metric(name, value, now, 0) for name, value in metrics.items()),
                *(
                    Metric(name, value, now, step)
                    for name, values in (series or {}).items()
                    for step, value in enumerate(values, 1)
                ),
            ],
            params=[Param(k, str(v)[:_MAX_PARAMETER]) for k, v in parameters.items()],
        )
        _write_mlmodel(bundle, run_id)
        path = _path(run, _BUNDLE)
        copy_files(bundle, path, self._config.s3)
        client.set_terminated(run_id)
        self._ensure_model(client, model)
        version = client.create_model_version(model, source=path, run_id=run_id, tags=dict(tags))
        return LoggedVersion(int(version.version), run_id, path)

    def log_evaluation(
        self, mlflow_run_id: str, metrics: Mapping[str, float], plots: Mapping[str, bytes]
    ) -> None:
        """Adds hold-out metrics and plots (PNG bytes by name) to a version's run."""
        from mlflow.entities import Metric

        client = self._client()
        now = int(time.time() * 1000)
        client.log_batch(
            mlflow_run_id, metrics=[Metric(name, value, now, 0) for name, value in metrics.items()]
        )
        files = {f"{name}.png": image for name, image in plots.items()}
        self.log_files(mlflow_run_id, "plots", files)

    def log_files(self, mlflow_run_id: str, place: str, files: Mapping[str, bytes]) -> None:
        """Adds files, by name, to a folder of a version's run."""
        client = self._client()
        with scratch_folder(self._config.scratch_folder) as folder:
            for name, content in files.items():
                (folder / name).write_bytes(content)
            copy_files(folder, _path(client.get_run(mlflow_run_id), place), self._config.s3)

    def set_alias(self, model: str, alias: str, version: int) -> None:
        """Points the alias at the version."""
        self._client().set_registered_model_alias(model, alias, str(version))

    def own_runs(self, *, older_than: datetime) -> set[str]:
        """The ids of the runs that the platform made before that time."""
        client = self._client()
        before = int(older_than.timestamp() * 1000)
        experiments = [
            found.experiment_id
            for found in client.search_experiments()
            if _plain(found.artifact_location).startswith(f"{self._artifact_path}/{_FOLDER}/")
        ]
        runs: set[str] = set()
        # Without experiments MLflow would refuse to search.
        token = "" if experiments else None
        while token is not None:
            page = client.search_runs(
                experiments,
                f"tags.{_OWN} != '' and attributes.start_time < {before}",
                max_results=_PAGE,
                page_token=token or None,
            )
            runs |= {run.info.run_id for run in page}
            token = page.token or None
        return runs

    def remove_run(self, run_id: str) -> None:
        """Deletes the versions that were registered for the run, its files, and the run itself."""
        client = self._client()
        for version in client.search_model_versions(f"run_id = '{run_id}'"):
            client.delete_model_version(version.name, version.version)
        remove_published(_path(client.get_run(run_id), ""), self._config.s3)
        # Last: a run that is deleted is not found again.
        client.delete_run(run_id)

    def _client(self) -> Any:
        # A server that is gone is told at once: MLflow would ask ten times, for 100 seconds.
        psycopg.connect(self._url).close()
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow.tracking import MlflowClient

        return MlflowClient(tracking_uri=self._store, registry_uri=self._store)

    def _experiment(self, client: Any, model: str) -> str:
        found = client.get_experiment_by_name(model)
        if found is not None and found.lifecycle_stage == "deleted":
            raise TidemarkError(
                f"The MLflow experiment '{model}' was deleted.",
                hint="Restore it in the MLflow UI (experiments, deleted), or rename the model.",
            )
        if found is not None:
            return str(found.experiment_id)
        location = f"{self._artifact_path}/{_FOLDER}/{model}"
        return str(client.create_experiment(model, artifact_location=location))

    def _ensure_model(self, client: Any, model: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            client.create_registered_model(model)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise


def _path(run: Any, name: str) -> str:
    """Where the run's files of that name are, a local path or an s3:// prefix.

    The files are written there by the platform itself: MLflow takes S3 access from the
    environment only, which every process started later would inherit.
    """
    return f"{_plain(run.info.artifact_uri)}/{name}".rstrip("/")


def _plain(location: str) -> str:
    return location.removeprefix("file://")


def _write_mlmodel(bundle: Path, run_id: str) -> None:
    from mlflow.models import Model

    described = Model(run_id=run_id)
    described.add_flavor("python_function", loader_module="ml_assets.mlflow_flavor", data=".")
    described.save(str(bundle / "MLmodel"))
