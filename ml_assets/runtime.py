"""What the model assets need to run, opened when first used: loading definitions opens nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lakehouse.connection import Lake
from ml_assets.provenance import Provenance, git_revision
from ml_assets.registry import Registry
from ml_assets.task_engine import LocalEngine, TaskEngine


@dataclass(frozen=True)
class Runtime:
    """The lake, the registry and the places, as the settings give them.

    Attributes:
        open_lake: Opens the process's lake.
        open_registry: Opens MLflow.
        artifact_path: Folder or s3:// prefix of training sets, models and evaluations.
        project_folder: The checkout, for the git revision.
        manifest_hash: Identity of the dbt project's code.
        features_versions: By dbt model: identity of the code that it rests on.
        workers: Processes that score.
    """

    open_lake: Callable[[], Lake]
    open_registry: Callable[[], Registry]
    artifact_path: str
    project_folder: Path
    manifest_hash: str
    features_versions: dict[str, str]
    workers: int

    def provenance(self, run_id: str, table: str) -> Provenance:
        """What stands on the results that a run makes from a feature table."""
        return Provenance(
            run_id=run_id,
            manifest_hash=self.manifest_hash,
            features_version=self.features_versions[table],
            git_revision=git_revision(self.project_folder),
        )

    def engine(self) -> TaskEngine:
        """Where tasks run."""
        return LocalEngine(self.workers)
