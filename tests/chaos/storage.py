"""Where the platform under test keeps its files: a local folder, or an S3 server behind a proxy."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from lakehouse.s3 import s3_client
from tests.chaos.proxy import FaultProxy
from tests.servers.radosgw import radosgw_server
from tests.servers.rclone import rclone_server

BUCKET = "chaos"
SERVERS = {"rclone": rclone_server, "radosgw": radosgw_server}


class Storage(Protocol):
    """The storage's side of a test."""

    environment: Mapping[str, str]

    def put(self, key: str, content: bytes) -> None:
        """Writes a file of the landing zone, whole or not at all."""

    def files(self, prefix: str) -> set[str]:
        """The paths, as the platform writes them, of the lake's files below the prefix."""

    def close(self) -> None:
        """Stops what was started."""


@dataclass
class LocalStorage:
    """Folders below the state folder."""

    state: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def put(self, key: str, content: bytes) -> None:
        """Writes under a hidden name first."""
        target = self.state / "landing" / key
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.partial")
        partial.write_bytes(content)
        partial.rename(target)

    def files(self, prefix: str) -> set[str]:
        """Files below the lake's folder."""
        folder = self.state / "lake" / prefix
        return {str(path) for path in folder.rglob("*") if path.is_file()}

    def close(self) -> None:
        """Nothing was started."""


class S3Storage:
    """A bucket on an S3 server, which the platform reaches through a proxy that can fail.

    Args:
        server: Its name.
        folder: Of the server's own files.
        seed: Of the proxy's choice.
    """

    def __init__(self, server: str, folder: Path, seed: int) -> None:
        self._open = ExitStack()
        folder.mkdir()
        running = self._open.enter_context(SERVERS[server](folder))
        self.listener = running.listener
        access = running.access
        self.proxy = FaultProxy(str(access.endpoint), seed)
        self._open.callback(self.proxy.close)
        self._client = s3_client(access)
        self._client.create_bucket(Bucket=BUCKET)
        assert access.access_key is not None
        assert access.secret_key is not None
        self.environment: Mapping[str, str] = {
            "TIDEMARK_LAKE": f"s3://{BUCKET}/lake",
            "TIDEMARK_LANDING": f"s3://{BUCKET}/landing",
            "TIDEMARK_S3_ENDPOINT": self.proxy.url,
            "TIDEMARK_S3_ACCESS_KEY": access.access_key.get_secret_value(),
            "TIDEMARK_S3_SECRET_KEY": access.secret_key.get_secret_value(),
        }

    def put(self, key: str, content: bytes) -> None:
        """Writes the object, past the proxy."""
        self._client.put_object(Bucket=BUCKET, Key=f"landing/{key}", Body=content)

    def files(self, prefix: str) -> set[str]:
        """The objects below the lake's prefix."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=BUCKET, Prefix=f"lake/{prefix}"
        )
        return {
            f"s3://{BUCKET}/{item['Key']}" for page in pages for item in page.get("Contents", [])
        }

    def close(self) -> None:
        """Stops proxy and server."""
        self._open.close()
