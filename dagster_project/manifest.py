"""The dbt manifest: parsed again when the project's files changed, and what it says of identity."""

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
    target = settings.state / "dbt" / "parsed"
    file = target / "manifest.json"
    content = project_hash(settings.dbt_project)
    marker = target / _HASH_FILE
    if file.exists() and marker.exists() and marker.read_text() == content:
        return file
    if not (settings.dbt_project / "dbt_project.yml").is_file():
        raise TidemarkError(
            f"There is no dbt project in {settings.dbt_project}: it has no dbt_project.yml.",
            hint="Set TIDEMARK_DBT_PROJECT to the project's folder.",
        )
    _parse(settings, target)
    marker.write_text(content)
    return file


def dbt_arguments(settings: Settings, target: Path) -> list[str]:
    """The options of dbt that name the project and the folder of its artifacts and logs.

    The folder is made, with the parsed project in it to start from: without it dbt parses all of
    the project again, 1.5 s.
    """
    target.mkdir(parents=True, exist_ok=True)
    parsed = settings.state / "dbt" / "parsed" / PARSED_FILES[1]
    if parsed.exists() and parsed.parent != target:
        shutil.copy(parsed, target)
    return [
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


def manifest_hash(manifest: dict[str, Any]) -> str:
    """SHA-256 over the code of all dbt models and the project's macros."""
    return _hash_of(manifest, [key for key in manifest["nodes"] if key.startswith("model.")])


def features_versions(manifest: dict[str, Any]) -> dict[str, str]:
    """By dbt model name: SHA-256 over the code of the model and of all models that it reads."""
    return {
        node["name"]: _hash_of(manifest, _ancestors(manifest, key))
        for key, node in manifest["nodes"].items()
        if key.startswith("model.")
    }


def _ancestors(manifest: dict[str, Any], key: str) -> list[str]:
    found, waiting = set(), [key]
    while waiting:
        current = waiting.pop()
        if current in found or not current.startswith("model."):
            continue
        found.add(current)
        waiting.extend(manifest["nodes"][current]["depends_on"]["nodes"])
    return sorted(found)


def _hash_of(manifest: dict[str, Any], keys: list[str]) -> str:
    from lakehouse.text import TEXT_FUNCTIONS_VERSION

    digest = hashlib.sha256(f"text functions {TEXT_FUNCTIONS_VERSION}".encode())
    for key in sorted(keys):
        digest.update(f"{key}={manifest['nodes'][key]['checksum']['checksum']};".encode())
    for key, macro in sorted(manifest["macros"].items()):
        if macro["package_name"] == manifest["metadata"]["project_name"]:
            digest.update(f"{key}={macro['macro_sql']};".encode())
    return digest.hexdigest()


def project_hash(folder: Path) -> str:
    """SHA-256 over the project's files; dbt's own artifacts do not count."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in _SOURCE_SUFFIXES and "target" not in path.relative_to(folder).parts:
            digest.update(str(path.relative_to(folder)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


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
