"""The storages that tests run on: a local folder, a small S3 server, and one like the real thing.

A test takes the fixture `storage`, or `lake_config` and `lake`, which lie on it. It is a local
folder, unless the test is marked with one of the marks below. Each run of a test costs seconds:
mark what the storage can make a difference to, and with both servers what speaks to them itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lakehouse.config import S3Config
from lakehouse.s3 import s3_client, split_s3_path

S3_STORAGES = ("rclone", "radosgw")
STORAGES = ("folder", *S3_STORAGES)

on_every_storage = pytest.mark.parametrize("storage", STORAGES, indirect=True)
on_folder_and_s3 = pytest.mark.parametrize("storage", ["folder", "radosgw"], indirect=True)
on_every_s3 = pytest.mark.parametrize("storage", S3_STORAGES, indirect=True)

# What a server cannot do, and what the platform does about it. `test_storages.py` checks each
# line, so that one which is no longer true is found.
CANNOT = {
    "rclone": {
        # A download compares the ETag of the answer with the one that was listed.
        "check If-Match",
        # Files are published under names of their own, so nothing relies on it.
        "check If-None-Match",
        # It keeps objects as files in folders: a key `a` shuts out `a/b`. Sources have folders.
        "keep a key below another key",
    },
    "radosgw": set[str](),
}


@dataclass(frozen=True)
class Storage:
    """A place of the test's own on one of the storages.

    Attributes:
        name: One of `STORAGES`.
        root: A folder or an s3:// bucket.
        s3: Access to it, where it is a bucket.
    """

    name: str
    root: str
    s3: S3Config

    @property
    def is_remote(self) -> bool:
        """Whether it is on S3."""
        return self.root.startswith("s3://")

    @property
    def landing(self) -> str:
        """A landing zone on it."""
        return f"{self.root}/landing"

    @property
    def artifacts(self) -> str:
        """A place for artifacts on it."""
        return f"{self.root}/artifacts"

    @property
    def client(self) -> Any:
        """A boto3 client for it."""
        return s3_client(self.s3)

    def put(self, path: str, content: bytes) -> None:
        """Writes a file; the path is one below the root."""
        if self.is_remote:
            bucket, _ = split_s3_path(self.root)
            self.client.put_object(Bucket=bucket, Key=path, Body=content)
            return
        file = Path(self.root) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    def read(self, path: str) -> bytes:
        """The file's bytes."""
        if self.is_remote:
            bucket, _ = split_s3_path(self.root)
            content: bytes = self.client.get_object(Bucket=bucket, Key=path)["Body"].read()
            return content
        return (Path(self.root) / path).read_bytes()

    def remove(self, path: str) -> None:
        """Deletes the file."""
        if self.is_remote:
            bucket, _ = split_s3_path(self.root)
            self.client.delete_object(Bucket=bucket, Key=path)
            return
        (Path(self.root) / path).unlink()

    def files(self, folder: str) -> list[str]:
        """The paths of the files below the folder, sorted."""
        return sorted(self._files(folder))

    def _files(self, folder: str) -> Iterator[str]:
        if self.is_remote:
            bucket, _ = split_s3_path(self.root)
            pages = self.client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=bucket, Prefix=f"{folder}/"):
                yield from (item["Key"] for item in page.get("Contents", []))
            return
        for path in (Path(self.root) / folder).rglob("*"):
            if path.is_file():
                yield path.relative_to(self.root).as_posix()
