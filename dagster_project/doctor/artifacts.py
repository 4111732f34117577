"""Bundles of the registered versions and training sets: present, and what was recorded."""

import json
from collections.abc import Iterable

from dagster_project.doctor.finding import Finding, Findings
from dagster_project.lake_reader import LakeReader
from lakehouse.backup.manifest import sha256_of
from lakehouse.config import S3Config
from lakehouse.storage import Storage, open_storage
from ml_assets.bundle import MANIFEST
from ml_assets.training_set import FILE_NAME

_AREA = "artifacts"
_REMEDY = "Bring the lake's artifacts back from a backup, or train again: `tidemark run --retrain`."


def check_artifacts(lake: LakeReader, artifact_path: str, s3: S3Config, *, deep: bool) -> Findings:
    """Looks at each version's bundle and each training set; deep: hashes all of their files."""
    storage = open_storage(artifact_path, s3)
    there = {file.path for file in storage.files()}
    versions = lake.execute(
        "select model, model_version, bundle_path, bundle_hash from lake.ml.model_versions"
    ).fetchall()
    sets = lake.execute(
        "select distinct model, path, training_set_hash from lake.ml.training_sets"
    ).fetchall()
    problems = [
        *_bundles(storage, there, versions, deep=deep),
        *_training_sets(storage, there, sets, deep=deep),
    ]
    for problem in problems:
        yield Finding(_AREA, "broken", problem, _REMEDY)
    if not problems:
        yield Finding(
            _AREA, "good", f"{len(versions):,} bundles and {len(sets):,} training sets, all there"
        )


def _bundles(
    storage: Storage,
    there: set[str],
    versions: Iterable[tuple[str, int, str, str]],
    *,
    deep: bool,
) -> Iterable[str]:
    for model, number, path, expected in versions:
        name = f"the bundle of {model} version {number}"
        folder = path.removeprefix(f"{storage.root}/")
        if f"{folder}/{MANIFEST}" not in there:
            yield f"{name} is missing: {path}/{MANIFEST}"
            continue
        with storage.fetch(f"{folder}/{MANIFEST}") as file:
            if sha256_of(file) != expected:
                yield f"{name} is not what was registered: {path}/{MANIFEST}"
                continue
            hashes: dict[str, str] = json.loads(file.read_text())["files"]
        for part, part_hash in hashes.items():
            if f"{folder}/{part}" not in there:
                yield f"{name} is incomplete: {path}/{part} is missing"
            elif deep and not _has(storage, f"{folder}/{part}", part_hash):
                yield f"{name} was changed: {path}/{part}"


def _training_sets(
    storage: Storage, there: set[str], sets: Iterable[tuple[str, str, str]], *, deep: bool
) -> Iterable[str]:
    for model, path, expected in sets:
        file = f"{path.removeprefix(f'{storage.root}/')}/{FILE_NAME}"
        if file not in there:
            yield f"a training set of {model} is missing: {path}"
        elif deep and not _has(storage, file, expected):
            yield f"a training set of {model} was changed: {path}"


def _has(storage: Storage, path: str, sha256: str) -> bool:
    with storage.fetch(path) as file:
        return sha256_of(file) == sha256
