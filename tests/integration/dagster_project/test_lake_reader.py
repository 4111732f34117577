"""People read the lake and nothing else, and cannot change it."""

from types import SimpleNamespace

import duckdb
import psycopg
import pytest
from pydantic import SecretStr

from dagster_project.lake_reader import attach_statement, read_only_lake
from lakehouse.config import S3Config
from lakehouse.errors import TidemarkError

pytestmark = pytest.mark.integration


@pytest.fixture
def filled(lake):
    """A lake with a row in two schemas."""
    with lake.write("rows") as write:
        write.connection.execute("create table lake.marts.numbers as select 1 as n")
        write.connection.execute("create table lake.raw.numbers as select 2 as n")
        write.connection.execute("create table lake.raw.lines as select 3 as n")
    return SimpleNamespace(lake_config=lake.config)


def _one(connection, query: str):
    return connection.execute(query).fetchall()


def test_tables_are_found_by_bare_names_those_of_the_marts_first(filled):
    with read_only_lake(filled) as connection:
        assert _one(connection, "from numbers") == [(1,)]
        assert _one(connection, "from raw.numbers") == [(2,)]
        assert _one(connection, "from lines") == [(3,)]


@pytest.mark.parametrize(
    "statement",
    [
        "insert into lake.marts.numbers values (2)",
        "create table lake.marts.more (n integer)",
        "drop table lake.raw.lines",
        "delete from numbers",
        "update numbers set n = 3",
        "copy numbers to '/tmp/tidemark-leak.csv'",
        "from read_csv('/etc/passwd')",
        "from read_text('/etc/hostname')",
        "from 'https://127.0.0.1/x.csv'",
        "attach '/tmp/tidemark-leak.db'",
        "install spatial",
        "set enable_external_access = true",
        "set lock_configuration = false",
        "set allowed_directories = ['/']",
    ],
)
def test_nothing_else_is_possible(filled, statement):
    with read_only_lake(filled) as connection:
        with pytest.raises(duckdb.Error):
            connection.execute(statement)
        assert _one(connection, "select count(*) from lines") == [(1,)]


def test_later_commits_are_seen(filled, lake):
    with read_only_lake(filled) as connection:
        assert _one(connection, "from numbers") == [(1,)]
        with lake.write("more") as write:
            write.connection.execute("insert into lake.marts.numbers values (2)")
        assert _one(connection, "select max(n) from numbers") == [(2,)]


def test_an_encrypted_lake_is_read_all_the_same(lake_config):
    from lakehouse.connection import Lake

    config = lake_config.model_copy(update={"encrypted": True})
    lake = Lake(config)
    with lake.write("rows") as write:
        write.connection.execute("create schema lake.marts")
        write.connection.execute("create table lake.marts.n as select range as n from range(99)")
    lake.close()
    with read_only_lake(SimpleNamespace(lake_config=config)) as connection:
        assert _one(connection, "select count(n) from n") == [(99,)]


def test_without_a_lake_the_user_is_told_to_make_one(lake_config):
    with (
        pytest.raises(TidemarkError, match="There is no lake yet") as raised,
        read_only_lake(SimpleNamespace(lake_config=lake_config)),
    ):
        pytest.fail("opened")
    assert "tidemark run" in raised.value.hint


def test_a_lost_catalog_is_not_a_missing_lake(lake_config, database_url):
    elsewhere = psycopg.conninfo.make_conninfo(database_url, host="/nowhere")
    config = lake_config.model_copy(update={"postgres_url": SecretStr(elsewhere)})
    with (
        pytest.raises(TidemarkError, match="does not answer"),
        read_only_lake(SimpleNamespace(lake_config=config)),
    ):
        pytest.fail("opened")


def test_the_attach_statement_has_no_password_and_names_the_database(lake_config):
    url = SecretStr("postgresql://me:hidden@db.example:5433/lake")
    local = lake_config.model_copy(update={"postgres_url": url})
    text = attach_statement(SimpleNamespace(lake_config=local))
    assert "hidden" not in text
    assert (
        "attach 'ducklake:postgres:host=db.example port=5433 dbname=lake user=me' as lake"
        " (read_only);" in text
    )
    assert "httpfs" not in text
    assert text.splitlines()[-1] == "use lake.marts;"
    remote = local.model_copy(update={"data_path": "s3://b/", "s3": S3Config()})
    assert attach_statement(SimpleNamespace(lake_config=remote)).startswith("install httpfs")
