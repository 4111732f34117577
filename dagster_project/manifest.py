"""The dbt manifest, parsed again when the project's files have changed."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from dagster_project.settings import Settings
from lakehouse.dbt_environment import parse_environment
from lakehouse.errors import TidemarkError

# What `dbt parse` writes, by which the next dbt knows the project.
PARSED_FILES = ("manifest.json", "partial_parse.msgpack")
_HASH_FILE = "project_hash"
_SOURCE_SUFFIXES = (".sql", ".yml", ".yaml", ".py", ".csv")


def manifest_file(settings: Settings) -> Path:
    """The manifest of the dbt project as it is now; parses the project if its files changed.

    Raises:
        TidemarkError: There is no project, or dbt cannot parse it.
    """
    target = _parsed_folder(settings)
    if is_parsed(settings):
        return target / PARSED_FILES[0]
    if not (settings.dbt_project / "dbt_project.yml").is_file():
        raise TidemarkError(
            f"There is no dbt project in {settings.dbt_project}: it has no dbt_project.yml.",
            hint="Set TIDEMARK_DBT_PROJECT to the project's folder.",
        )
    content = project_hash(settings.dbt_project)  # what changes meanwhile is parsed the next time
    _parse(settings, target)
    (target / _HASH_FILE).write_text(content)
    return target / PARSED_FILES[0]


def is_parsed(settings: Settings) -> bool:
    """Whether the manifest is there, of the project as it is now."""
    folder = _parsed_folder(settings)
    marker = folder / _HASH_FILE
    return (
        (folder / PARSED_FILES[0]).exists()
        and marker.exists()
        and marker.read_text() == project_hash(settings.dbt_project)
    )


def dbt_arguments(settings: Settings, target: Path) -> list[str]:
    """The options of dbt that name the project and the folder of its artifacts and logs.

    The folder is made, with the parsed project in it to start from: without it dbt parses all of
    the project again, 1.5 s. That is done where the project has changed: dbt takes a file for
    unchanged that has a time which it had before, as one out of an archive or a copy may have.
    """
    target.mkdir(parents=True, exist_ok=True)
    parsed = _parsed_folder(settings) / PARSED_FILES[1]
    is_current = is_parsed(settings)
    if is_current and parsed.exists() and parsed.parent != target:
        shutil.copy(parsed, target)
    return [
        *(() if is_current else ("--no-partial-parse",)),
        "--project-dir", str(settings.dbt_project),
        "--profiles-dir", str(settings.dbt_project),
        "--target-path", str(target),
        "--log-path", str(target),
    ]  # fmt: skip


@cache
def read_manifest(file: Path) -> dict[str, Any]:
    """The parsed manifest; cached, since it only changes with the file's folder."""
    manifest: dict[str, Any] = json.loads(file.read_text())
    return manifest


def project_hash(folder: Path) -> str:
    """SHA-256 over the project's files; dbt's own artifacts do not count."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in _SOURCE_SUFFIXES and "target" not in path.relative_to(folder).parts:
            digest.update(str(path.relative_to(folder)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _parsed_folder(settings: Settings) -> Path:
    return settings.state / "dbt" / "parsed"


def _parse(settings: Settings, target: Path) -> None:
    result = subprocess.run(
        [
            *(executable("tidemark-dbt"), "--no-use-colors", "parse"),
            *dbt_arguments(settings, target),
        ],
        env={**os.environ, **parse_environment(target)},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise TidemarkError(
            f"dbt cannot parse {settings.dbt_project}:\n{_last_lines(result.stdout)}",
            hint="Correct the file named above; `tidemark check` looks again.",
        )


def executable(name: str) -> str:
    """The program of this installation, whatever PATH says."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise TidemarkError(f"{name} is not installed.", hint="Run `make setup`.")
    return found


def _last_lines(output: str) -> str:
    return "\n".join(output.strip().splitlines()[-15:])
