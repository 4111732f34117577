"""Fixtures that all tests share: a real Postgres, a fresh lake on it, the real data sets."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from lakehouse.config import LakeConfig, S3Config
from lakehouse.connection import Lake
from lakehouse.postgres import PostmasterStatus, server_url, start_server, stop_server
from lakehouse.s3 import s3_client
from lakehouse.tables import create_tables
from tests.servers.listening import absent
from tests.servers.radosgw import radosgw_server
from tests.servers.rclone import rclone_server
from tests.storage import Storage

# How long an example takes says nothing on a busy machine.
hypothesis.settings.register_profile("tidemark", deadline=None)
hypothesis.settings.load_profile("tidemark")

_REPOSITORY = Path(__file__).resolve().parent.parent


# One worker runs all files of such a folder: they share a platform that takes a minute to make.
_TOGETHER = ("tests/integration/dagster_project/commands/",)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file to a worker, or a whole folder where its files share something costly."""
    from xdist.scheduler import LoadFileScheduling

    class ByFileOrFolder(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return next((folder for folder in _TOGETHER if nodeid.startswith(folder)), None) or (
                super()._split_scope(nodeid)
            )

    return ByFileOrFolder(config, log)


@pytest.fixture(scope="session")
def short_folder() -> Iterator[Path]:
    """A temporary folder of the session whose path is short enough for a Postgres socket."""
    folder = Path(tempfile.mkdtemp(prefix="tm-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server(short_folder: Path) -> Iterator[PostmasterStatus]:
    """The session's embedded Postgres; `server_url(postgres_server, "postgres")` reaches it."""
    server = start_server(short_folder / "pg")
    with psycopg.connect(server_url(server, "postgres"), autocommit=True) as connection:
        # Kills of processes lose nothing by it, only those of the machine.
        connection.execute("alter system set fsync = off")
        connection.execute("select pg_reload_conf()")
    yield server
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
def lake_config(database_url: str, short_folder: Path, storage: Storage) -> LakeConfig:
    """A lake of the test's own that does not exist yet; extensions are installed once a session."""
    return LakeConfig(
        postgres_url=SecretStr(database_url),
        data_path=f"{storage.root}/lake/",
        state_folder=short_folder / "state",
        memory_limit="1GB",
        threads=2,
        s3=storage.s3,
    )


@pytest.fixture(scope="session")
def lake_template(postgres_server: PostmasterStatus, short_folder: Path) -> str:
    """A database with the catalog of an empty lake: copying it takes a tenth of making it."""
    name = "lake_template"
    with psycopg.connect(server_url(postgres_server, "postgres"), autocommit=True) as connection:
        connection.execute(f"create database {name}")
    lake = Lake(
        LakeConfig(
            postgres_url=SecretStr(server_url(postgres_server, name)),
            data_path=f"{short_folder}/template/",
            state_folder=short_folder / "state",
        )
    )
    create_tables(lake)
    lake.close()
    return name


@pytest.fixture
def lake(lake_config: LakeConfig, lake_template: str) -> Iterator[Lake]:
    """A fresh lake of the test's own, with the platform's tables, empty."""
    url = lake_config.postgres_url.get_secret_value()
    name = str(psycopg.conninfo.conninfo_to_dict(url)["dbname"])
    with psycopg.connect(url, dbname="postgres", autocommit=True) as connection:
        connection.execute(f"drop database {name}")
        connection.execute(f"create database {name} template {lake_template}")
    with psycopg.connect(url) as connection:
        connection.execute(
            "update ducklake_metadata set value = %s where key = 'data_path'",
            [lake_config.data_path],
        )
    lake = Lake(lake_config)
    yield lake
    lake.close()


@pytest.fixture(scope="session")
def rclone(short_folder: Path) -> Iterator[S3Config]:
    """A small S3 server of the session."""
    with rclone_server(short_folder / "rclone") as server:
        yield server.access


@pytest.fixture(scope="session")
def radosgw(short_folder: Path) -> Iterator[S3Config]:
    """An S3 server of the session that behaves like the real thing.

    Each test worker starts its own: two seconds, of which half a second of processor time.
    """
    with radosgw_server(short_folder / "ceph") as server:
        yield server.access


@pytest.fixture
def new_storage(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Storage]:
    """Makes a place of the test's own on the storage of that name."""

    def make(name: str) -> Storage:
        if name == "folder":
            return Storage(name, str(tmp_path), S3Config())
        server: S3Config = request.getfixturevalue(name)
        bucket = f"test-{uuid.uuid4().hex[:12]}"
        s3_client(server).create_bucket(Bucket=bucket)
        return Storage(name, f"s3://{bucket}", server)

    return make


@pytest.fixture
def storage(request: pytest.FixtureRequest, new_storage: Callable[[str], Storage]) -> Storage:
    """A place of the test's own: a folder, or what the test's mark asks for (`tests.storage`)."""
    return new_storage(getattr(request, "param", "folder"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of the real data sets; tests that need it skip without it, but fail in CI."""
    folder = Path(os.environ.get("SHARED_DATA", _REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        absent(f"the real data sets are not at {folder} (set SHARED_DATA to their folder)")
    return folder
