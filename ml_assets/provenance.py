"""Where a result comes from: the run, the code and the features' identity."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Provenance:
    """What stands on every training set, model version and score of a run.

    Attributes:
        run_id: The Dagster run.
        manifest_hash: SHA-256 over the dbt nodes' checksums: which dbt code made the features.
        features_version: Identity of the feature table's own lineage in dbt.
        git_revision: Commit of the checkout, with `+changes` where files differ from it.
    """

    run_id: str
    manifest_hash: str
    features_version: str
    git_revision: str


def git_revision(folder: Path) -> str:
    """The checked-out commit, `+changes` behind it where tracked files differ, or `unknown`."""
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        # Installed from an archive, or no git on the machine: the lock and versions still tell.
        return "unknown"
    return f"{commit}+changes" if changed else commit


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments],  # noqa: S607 - git is found where the user has it
        check=True,
        capture_output=True,
        text=True,
        timeout=10,
    ).stdout.strip()
