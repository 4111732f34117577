"""Folders of immutable files on the lake's storage: a local path or an s3:// prefix."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from lakehouse.config import LakeConfig, S3Config
from lakehouse.s3 import s3_client, split_s3_path, upload_arguments
from lakehouse.scratch import scratch_folder
from lakehouse.storage import open_storage

_STAGED = ".publish-"


def publish_folder(local: Path, destination: str, s3: S3Config) -> None:
    """Copies the folder's files to the destination, whole or not at all where that is possible.

    A local destination appears by one rename. On S3 the files go up one by one: nothing refers to
    them before the lake row that names them is committed.
    """
    if destination.startswith("s3://"):
        copy_files(local, destination, s3)
        return
    target = Path(destination)
    if target.exists():
        # Named by content hash: what is there already is the same. It is in use from now on, and
        # what maintenance takes for abandoned is old.
        for file in target.rglob("*"):
            file.touch()
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=_STAGED, dir=target.parent))
    try:
        shutil.copytree(local, staged, dirs_exist_ok=True)
        # mkdtemp makes private folders; what is published is read by other users' services too.
        staged.chmod(0o755)
        try:
            os.rename(staged, target)  # noqa: PTH104 - fails on a target that appeared meanwhile
        except OSError:
            if not target.exists():
                raise
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def is_published(destination: str, s3: S3Config) -> bool:
    """Whether any file is there."""
    return any(True for _ in open_storage(destination, s3).files())


def remove_published(destination: str, s3: S3Config) -> None:
    """Deletes the folder with all of its files, if it is there."""
    if not destination.startswith("s3://"):
        if Path(destination).exists():
            shutil.rmtree(destination)
        return
    storage = open_storage(destination, s3)
    for file in list(storage.files()):
        storage.delete(file.path)


def unfinished_copies(artifact_path: str, *, older_than: datetime) -> list[Path]:
    """Folders of publications that were killed, where a place is published to by a rename."""
    if artifact_path.startswith("s3://"):
        return []
    oldest = older_than.timestamp()
    found = Path(artifact_path).rglob(f"{_STAGED}*")
    return sorted(path for path in found if path.stat().st_mtime < oldest)


def copy_files(local: Path, destination: str, s3: S3Config) -> None:
    """Copies the folder's files to the destination, one by one; those there are replaced."""
    if not destination.startswith("s3://"):
        shutil.copytree(local, destination, dirs_exist_ok=True)
        return
    bucket, prefix = split_s3_path(destination)
    client = s3_client(s3)
    for file in sorted(path for path in local.rglob("*") if path.is_file()):
        client.upload_file(
            str(file),
            bucket,
            f"{prefix}/{file.relative_to(local).as_posix()}",
            ExtraArgs=upload_arguments(s3),
        )


@contextmanager
def local_folder(source: str, config: LakeConfig) -> Iterator[Path]:
    """The folder's files on the local disk: in place, or downloaded for the block's time."""
    if not source.startswith("s3://"):
        yield Path(source)
        return
    bucket, prefix = split_s3_path(source)
    client = s3_client(config.s3)
    with scratch_folder(config.scratch_folder) as folder:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix + "/")
        for page in pages:
            for entry in page.get("Contents", []):
                target = folder / entry["Key"].removeprefix(prefix + "/")
                target.parent.mkdir(parents=True, exist_ok=True)
                client.download_file(bucket, entry["Key"], str(target))
        yield folder
