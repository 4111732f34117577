"""What the model assets need to run, opened when first used: loading definitions opens nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lakehouse.code_versions import CodeVersion
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
        code: By dbt model: the code that its table rests on.
        workers: Processes that score.
    """

    open_lake: Callable[[], Lake]
    open_registry: Callable[[], Registry]
    artifact_path: str
    project_folder: Path
    manifest_hash: str
    code: Mapping[str, CodeVersion]
    workers: int

    def provenance(self, run_id: str, table: str) -> Provenance:
        """What stands on the results that a run makes from a feature table."""
        return Provenance(
            run_id=run_id,
            manifest_hash=self.manifest_hash,
            features_version=self.code[table].version,
            git_revision=git_revision(self.project_folder),
            features_parts=self.code[table].parts,
        )

    @property
    def features_versions(self) -> dict[str, str]:
        """By dbt model: identity of the code that its table rests on."""
        return {name: code.version for name, code in self.code.items()}

    def engine(self) -> TaskEngine:
        """Where tasks run."""
        return LocalEngine(self.workers)
