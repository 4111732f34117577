"""Files below a folder or an s3:// prefix, told by their paths relative to it."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from lakehouse.config import S3Config
from lakehouse.landing.whole_copy import copy_whole
from lakehouse.s3 import s3_client, split_s3_path, upload_arguments


@dataclass(frozen=True)
class StoredFile:
    """A file as a listing shows it.

    Attributes:
        path: Relative to the storage's root, with slashes.
        size: Bytes.
        version: What changes when the content does: S3's ETag, or the time of the last change.
        modified_at: When it was written, UTC.
    """

    path: str
    size: int
    version: str
    modified_at: datetime


class Storage(Protocol):
    """A folder or an s3:// prefix."""

    root: str

    def files(self, below: str = "") -> Iterator[StoredFile]:
        """All files below the relative folder, in no order."""
        ...

    def folders(self) -> list[str]:
        """The names of the folders directly below the root, sorted."""
        ...

    def fetch(self, path: str) -> AbstractContextManager[Path]:
        """The file on the local disk: in place, or downloaded for the block's time.

        Raises:
            FileNotFoundError: It is not there.
        """
        ...

    def put(self, local: Path, path: str) -> None:
        """Copies the local file there; it appears whole or not at all."""
        ...

    def delete(self, path: str) -> None:
        """Deletes the file."""
        ...


def open_storage(root: str, s3: S3Config, *, scratch: Path | None = None) -> Storage:
    """The storage at a folder or s3:// prefix.

    Args:
        root: The folder or prefix.
        s3: How to reach it on S3.
        scratch: Where objects are downloaded to; without, where the system keeps such files.
    """
    if root.startswith("s3://"):
        return S3Storage(root.rstrip("/"), s3, scratch)
    return LocalStorage(root.rstrip("/"))


class LocalStorage:
    """A folder."""

    def __init__(self, root: str) -> None:
        self.root = root

    def files(self, below: str = "") -> Iterator[StoredFile]:
        """All files below the relative folder, in no order."""
        for folder, _, names in os.walk(Path(self.root) / below):
            for name in names:
                file = Path(folder) / name
                try:
                    status = file.stat()
                except FileNotFoundError:
                    # A temporary file of somebody else.
                    continue
                yield StoredFile(
                    path=file.relative_to(self.root).as_posix(),
                    size=status.st_size,
                    version=str(status.st_mtime_ns),
                    modified_at=datetime.fromtimestamp(status.st_mtime, UTC),
                )

    def folders(self) -> list[str]:
        """The names of the folders directly below the root, sorted."""
        root = Path(self.root)
        return (
            sorted(entry.name for entry in root.iterdir() if entry.is_dir())
            if root.exists()
            else []
        )

    def fetch(self, path: str) -> AbstractContextManager[Path]:
        """The file, in place."""
        file = Path(self.root) / path
        if not file.exists():
            raise FileNotFoundError(file)
        return nullcontext(file)

    def put(self, local: Path, path: str) -> None:
        """Copies the local file there; it appears whole or not at all."""
        copy_whole(local, Path(self.root) / path)

    def delete(self, path: str) -> None:
        """Deletes the file."""
        (Path(self.root) / path).unlink()


class S3Storage:
    """An s3:// prefix."""

    def __init__(self, root: str, s3: S3Config, scratch: Path | None) -> None:
        self.root = root
        self._s3 = s3
        self._scratch = scratch
        self._bucket, prefix = split_s3_path(root)
        self._start = f"{prefix}/" if prefix else ""
        self._client: Any = s3_client(s3)

    def files(self, below: str = "") -> Iterator[StoredFile]:
        """All files below the relative folder, in no order."""
        prefix = self._start + (f"{below.rstrip('/')}/" if below else "")
        for page in self._pages(Prefix=prefix):
            for item in page.get("Contents", []):
                yield StoredFile(
                    path=item["Key"].removeprefix(self._start),
                    size=item["Size"],
                    version=item["ETag"].strip('"'),
                    modified_at=item["LastModified"].astimezone(UTC),
                )

    def folders(self) -> list[str]:
        """The names of the folders directly below the root, sorted."""
        return sorted(
            entry["Prefix"].removeprefix(self._start).rstrip("/")
            for page in self._pages(Prefix=self._start, Delimiter="/")
            for entry in page.get("CommonPrefixes", [])
        )

    def _pages(self, **options: str) -> Iterator[Any]:
        lister = self._client.get_paginator("list_objects_v2")
        yield from lister.paginate(Bucket=self._bucket, **options)

    @contextmanager
    def fetch(self, path: str) -> Iterator[Path]:
        """The file, downloaded for the block's time."""
        from botocore.exceptions import ClientError

        with tempfile.TemporaryDirectory(prefix="tidemark-", dir=self._scratch) as folder:
            file = Path(folder) / "file"
            try:
                self._client.download_file(self._bucket, self._start + path, str(file))
            except ClientError as error:
                if int(error.response["ResponseMetadata"]["HTTPStatusCode"]) == 404:
                    raise FileNotFoundError(f"{self.root}/{path}") from error
                raise
            yield file

    def put(self, local: Path, path: str) -> None:
        """Uploads the local file; it appears whole or not at all."""
        self._client.upload_file(
            str(local), self._bucket, self._start + path, ExtraArgs=upload_arguments(self._s3)
        )

    def delete(self, path: str) -> None:
        """Deletes the file."""
        self._client.delete_object(Bucket=self._bucket, Key=self._start + path)
