"""Where a result comes from: the run, the code and the features' identity."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Provenance:
    """What stands on every training set, model version and score of a run.

    Attributes:
        run_id: The Dagster run.
        manifest_hash: Identity of the code of all dbt models.
        features_version: Identity of the code that the feature table rests on.
        git_revision: Commit of the checkout, with `+changes` where files differ from it.
        features_parts: What the features version is made of: a hash by part.
    """

    run_id: str
    manifest_hash: str
    features_version: str
    git_revision: str
    features_parts: Mapping[str, str] = field(default_factory=dict)


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
