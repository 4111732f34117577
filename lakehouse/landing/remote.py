"""The landing zone on S3: listing, uploading and downloading whole objects."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lakehouse.config import S3Config
from lakehouse.errors import TidemarkError
from lakehouse.failures import bad_s3_certificate, is_certificate_error
from lakehouse.s3 import s3_client, split_s3_path, upload_arguments

_CONTENT_HASH = "tidemark-sha256"
_NOT_FOUND, _PRECONDITION_FAILED = 404, 412


@dataclass(frozen=True)
class RemoteObject:
    """An object as the listing shows it; the key is relative to the landing zone's root."""

    key: str
    etag: str
    size: int
    modified_at: datetime


class RemoteLanding:
    """A landing zone below an s3:// prefix."""

    def __init__(self, root: str, s3: S3Config) -> None:
        self._root = root
        self._s3 = s3
        self._bucket, prefix = split_s3_path(root)
        self._start = f"{prefix}/" if prefix else ""
        self._client: Any = s3_client(s3)

    def objects(self, *folders: str) -> Iterator[RemoteObject]:
        """The objects below the folders, in one listing that passes over what lies between them.

        A page of 1,000 keys is one request, so folders side by side cost as much as one folder;
        what else the zone holds costs one more request for each gap longer than a page.
        """
        # As S3 orders keys: by their bytes.
        wanted = sorted((f"{self._start}{folder}/" for folder in folders), key=str.encode)
        while wanted:
            for page in self._pages_from(wanted[0]):
                inside = True
                for item in page:
                    while wanted and _is_behind(item["Key"], wanted[0]):
                        del wanted[0]
                    if not wanted:
                        return
                    inside = item["Key"].startswith(wanted[0])
                    if inside:
                        yield self._object(item)
                if not inside:
                    break
            else:
                return

    def _pages_from(self, prefix: str) -> Iterator[list[dict[str, Any]]]:
        """The listing's pages from the first key with the prefix on."""
        with self._explained():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._start, StartAfter=prefix
            )
            for page in pages:
                yield page.get("Contents", [])

    def _object(self, item: dict[str, Any]) -> RemoteObject:
        return RemoteObject(
            key=item["Key"].removeprefix(self._start),
            etag=item["ETag"].strip('"'),
            size=item["Size"],
            modified_at=item["LastModified"].astimezone(UTC),
        )

    def upload(self, path: Path, key: str) -> None:
        """Uploads the file, unless the key holds an upload of the same content."""
        with path.open("rb") as content:
            content_hash = hashlib.file_digest(content, "sha256").hexdigest()
        with self._explained():
            if self._uploaded_hash(key) != content_hash:
                self._client.upload_file(
                    str(path),
                    self._bucket,
                    self._start + key,
                    ExtraArgs=upload_arguments(self._s3)
                    | {"Metadata": {_CONTENT_HASH: content_hash}},
                )

    def download(self, key: str, *, etag: str, target: Path) -> bool:
        """Downloads that version of the object; False if it is no longer there."""
        with self._explained(), target.open("wb") as file:
            body = self._body(key, etag)
            if body is None:
                return False
            for block in body.iter_chunks(1 << 20):
                file.write(block)
        return True

    def _body(self, key: str, etag: str) -> Any:
        from botocore.exceptions import ClientError

        try:
            answer = self._client.get_object(
                Bucket=self._bucket, Key=self._start + key, IfMatch=f'"{etag}"'
            )
        except ClientError as error:
            if _status(error) in (_NOT_FOUND, _PRECONDITION_FAILED):
                return None
            raise
        # Small servers ignore IfMatch.
        return answer["Body"] if answer["ETag"].strip('"') == etag else None

    def _uploaded_hash(self, key: str) -> str | None:
        from botocore.exceptions import ClientError

        try:
            head = self._client.head_object(Bucket=self._bucket, Key=self._start + key)
        except ClientError as error:
            if _status(error) == _NOT_FOUND:
                return None
            raise
        # Some servers return the names with capitals.
        metadata = {name.lower(): str(value) for name, value in head["Metadata"].items()}
        return metadata.get(_CONTENT_HASH)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        from boto3.exceptions import S3UploadFailedError
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (BotoCoreError, ClientError, S3UploadFailedError) as error:
            if is_certificate_error(error):
                raise bad_s3_certificate(str(error)) from error
            raise TidemarkError(
                f"S3 refused or did not answer for the landing zone {self._root}: {error}",
                hint="Check TIDEMARK_LANDING, TIDEMARK_S3_ENDPOINT and the S3 keys.",
            ) from error


def _is_behind(key: str, prefix: str) -> bool:
    """Whether the key comes after all keys with the prefix."""
    return key.encode() > prefix.encode() and not key.startswith(prefix)


def _status(error: Any) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
