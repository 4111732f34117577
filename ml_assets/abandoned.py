"""What killed trainings leave: training sets, MLflow runs and copies that no lake row names."""

import shutil
from dataclasses import dataclass
from datetime import datetime

from lakehouse.connection import Lake
from lakehouse.files_lock import files_lock
from lakehouse.storage import open_storage
from ml_assets.artifacts import remove_published, unfinished_copies
from ml_assets.registry import Registry
from ml_assets.training_set import TRAINING_SETS


@dataclass(frozen=True)
class Abandoned:
    """What was removed.

    Attributes:
        training_sets: Folders of training sets.
        mlflow_runs: Runs with their files, and with the versions that were registered for them.
        unfinished_copies: Folders that were being published.
    """

    training_sets: int
    mlflow_runs: int
    unfinished_copies: int


def remove_abandoned(
    lake: Lake, registry: Registry, *, artifact_path: str, older_than: datetime
) -> Abandoned:
    """Removes what no row of the lake names and what is older; killed, the next call goes on.

    Args:
        lake: The lake, whose rows say what is in use.
        registry: MLflow; only runs that the platform itself made are looked at.
        artifact_path: Folder or prefix of all artifacts.
        older_than: Steps write files first and commit them later: before any that still runs.
    """
    with files_lock(lake.config.postgres_url.get_secret_value(), "maintenance"):
        copies = unfinished_copies(artifact_path, older_than=older_than)
        for folder in copies:
            shutil.rmtree(folder)
        return Abandoned(
            training_sets=_remove_training_sets(lake, artifact_path, older_than),
            mlflow_runs=_remove_mlflow_runs(lake, registry, older_than),
            unfinished_copies=len(copies),
        )


def _remove_training_sets(lake: Lake, artifact_path: str, older_than: datetime) -> int:
    s3 = lake.config.s3
    newest: dict[str, datetime] = {}
    # A training set is named in its row under this lock, and its folder is looked for then.
    with lake.exclusive("maintenance") as connection:
        for file in open_storage(f"{artifact_path}/{TRAINING_SETS}", s3).files():
            folder = f"{artifact_path}/{TRAINING_SETS}/{file.path.rpartition('/')[0]}"
            newest[folder] = max(newest.get(folder, file.modified_at), file.modified_at)
        named = connection.execute("select distinct path from lake.ml.training_sets").fetchall()
        abandoned = [
            folder
            for folder in newest.keys() - {path for (path,) in named}
            if newest[folder] < older_than
        ]
        for folder in abandoned:
            remove_published(folder, s3)
    return len(abandoned)


def _remove_mlflow_runs(lake: Lake, registry: Registry, older_than: datetime) -> int:
    named = {run for (run,) in lake.rows("select mlflow_run_id from lake.ml.model_versions")}
    abandoned = registry.own_runs(older_than=older_than) - named
    for run_id in sorted(abandoned):
        registry.remove_run(run_id)
    return len(abandoned)
