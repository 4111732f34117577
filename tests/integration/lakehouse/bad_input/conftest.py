"""One lake for all the bad input: making a lake takes longer than most of it does."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from lakehouse.config import LakeConfig
from lakehouse.connection import Lake
from lakehouse.postgres import PostmasterStatus, server_url
from lakehouse.tables import create_tables


@pytest.fixture(scope="module")
def shared_lake(
    request: pytest.FixtureRequest,
    postgres_server: PostmasterStatus,
    short_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Lake]:
    """A lake for all tests of a module."""
    database = request.module.__name__.rpartition(".")[2]
    name = sql.Identifier(database)
    admin_url = server_url(postgres_server, "postgres")
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(name))
    lake = Lake(
        LakeConfig(
            postgres_url=SecretStr(server_url(postgres_server, database)),
            data_path=f"{tmp_path_factory.mktemp('lake')}/",
            state_folder=short_folder / "state",
            memory_limit="1GB",
            threads=2,
        )
    )
    create_tables(lake)
    yield lake
    lake.close()
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(name))
