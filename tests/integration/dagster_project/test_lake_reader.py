"""People read the lake and nothing else, and cannot change it."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import duckdb
import psycopg
import pytest
from pydantic import SecretStr

from dagster_project.lake_reader import attach_statement, read_only_lake
from lakehouse.config import S3Config
from lakehouse.connection import Lake
from lakehouse.errors import TidemarkError
from lakehouse.s3 import s3_client

pytestmark = pytest.mark.integration


def _fill(lake):
    with lake.write("rows") as write:
        for schema in ("marts", "raw"):
            write.connection.execute(f"create schema if not exists lake.{schema}")
        write.connection.execute("create table lake.marts.numbers as select 1 as n")
        write.connection.execute("create table lake.raw.numbers as select 2 as n")
        write.connection.execute("create table lake.raw.lines as select 3 as n from range(50)")


@pytest.fixture
def filled(lake):
    """A lake with rows in two schemas."""
    _fill(lake)
    return SimpleNamespace(lake_config=lake.config)


@pytest.fixture
def remote(lake_config, new_storage):
    """The same on S3, in a bucket that holds other things too."""
    bucket = new_storage("radosgw")
    bucket.put("private/x.csv", b"a\n1\n")
    config = lake_config.model_copy(update={"data_path": f"{bucket.root}/lake/", "s3": bucket.s3})
    lake = Lake(config)
    _fill(lake)
    yield SimpleNamespace(lake_config=config)
    lake.close()


@pytest.fixture(params=["local", "remote"])
def place(request):
    """Settings of a lake on disk, then of one on S3."""
    return request.getfixturevalue("filled" if request.param == "local" else "remote")


def _one(connection, query: str):
    return connection.execute(query).fetchall()


def test_tables_are_found_by_bare_names_those_of_the_marts_first(filled):
    with read_only_lake(filled) as connection:
        assert _one(connection, "from numbers") == [(1,)]
        assert _one(connection, "from raw.numbers") == [(2,)]
        assert _one(connection, "select distinct n from lines") == [(3,)]


_QUERIES = [
    "select count(*) from lines",
    "from numbers select n where n = 1",
    "with few as (from lines limit 3) select sum(n) over () from few",
    "describe lines",
    "summarize lines",
    "show all tables",
    "explain select 1",
    "explain analyze select count(*) from lines",
    "pivot (select n, 'a' as kind from lines) on kind in ('a', 'b') using count(*)",
    "select unnest([1, 2]), * from range(3)",
    "values (1), (2)",
    "from lake.raw.lines at (version => {newest})",
    "from lake.snapshots()",
    "from ducklake_table_changes('lake', 'raw', 'lines', 1, {newest})",
    "select table_name from information_schema.tables",
    "select json_extract('{\"a\": 1}', '$.a')",
    "select 'it is /etc/passwd'",
    "select 1; select 2",
]


def test_ordinary_queries_work(place):
    with read_only_lake(place) as reader:
        newest = _one(reader, "from lake.current_snapshot()")[0][0]
        for query in _QUERIES:
            assert _one(reader, query.replace("{newest}", str(newest))), query
        query = "select n from numbers where n = $n"
        assert reader.execute(query, {"n": 1}).fetchall() == [(1,)]


def _attempts(config):
    """What nobody may do through `tidemark sql`."""
    lake, url = config.data_path, config.postgres_url.get_secret_value()
    bucket = "s3://" + lake.removeprefix("s3://").partition("/")[0]
    secret, metadata = "tidemark_catalog", "__ducklake_metadata_lake"
    return [
        # Writing to the lake.
        "insert into lake.marts.numbers values (2)",
        "create table lake.marts.more (n integer)",
        "drop table lake.raw.lines",
        "delete from numbers",
        "update numbers set n = 3",
        "create temp table t as select 1",
        "select 1; delete from numbers",
        "explain analyze delete from numbers",
        "explain /* */ analyze delete from numbers",
        "call ducklake_expire_snapshots('lake', older_than => now())",
        "from ducklake_cleanup_old_files('lake', cleanup_all => true)",
        "from ducklake_merge_adjacent_files('lake')",
        "call lake.set_option('parquet_compression', 'zstd')",
        "checkpoint lake",
        # Writing files, the lake's among them.
        "copy numbers to '/tmp/tidemark-leak.csv'",
        f"copy (select 1) to '{lake}leak.parquet'",
        f"explain analyze copy (select 1) to '{lake}leak.parquet'",
        "copy (select 1) to 's3://other/leak.csv'",
        "export database '/tmp/tidemark-leak'",
        # Reading files and hosts.
        "from read_csv('/etc/passwd')",
        "from '/etc/passwd'",
        "from read_text('/etc/hostname')",
        "from read_blob('/proc/self/environ')",
        "from glob('/*')",
        "from sniff_csv('/etc/passwd')",
        "select (select content from read_text('/etc/hostname'))",
        "from 'https://127.0.0.1/x.csv'",
        "from read_csv('http://127.0.0.1:1/x.csv')",
        f"from read_csv('{bucket}/private/x.csv')",
        f"from '{bucket}/private/x.csv'",
        f"from read_csv('{lake}../private/x.csv')",
        f"from '{lake}../private/x.csv'",
        "from read_parquet('s3://other/x.parquet')",
        "from query('from read_text(''/etc/hostname'')')",
        "from query_table('/etc/passwd')",
        "from json_execute_serialized_sql(json_serialize_sql('from read_text(''/etc/hostname'')'))",
        # Other databases, extensions, settings.
        "attach '/tmp/tidemark-leak.db'",
        "attach ':memory:' as other",
        f"attach '' as pg (type postgres, secret {secret})",
        f"attach 'ducklake:postgres:' as again (meta_secret {secret})",
        "install spatial",
        "load httpfs",
        "set enable_external_access = true",
        "set lock_configuration = false",
        "set allowed_directories = ['/']",
        "set memory_limit = '100GB'",
        "reset memory_limit",
        "pragma enable_profiling",
        "use memory",
        # Secrets and the environment.
        "from duckdb_secrets()",
        "select * from system.main.duckdb_secrets()",
        f"from which_secret('{lake}', 's3')",
        "create secret mine (type s3, key_id 'a', secret 'b')",
        f"drop secret {secret}",
        "select getenv('HOME')",
        # The catalog's Postgres, and any other.
        f"from postgres_query('{metadata}', 'select 1')",
        f"from postgres_query('{metadata}', 'select pg_read_file(''/etc/hostname'')')",
        f"call postgres_execute('{metadata}', 'create table leak (i int)')",
        f"call postgres_execute('{metadata}', 'commit; create table leak (i int)')",
        f"from postgres_scan('{url}', 'public', 'ducklake_snapshot')",
        "from postgres_scan('host=127.0.0.1 port=1', 'public', 'x')",
        f"from postgres_attach('{url}')",
        f"from {metadata}.public.ducklake_snapshot",
        f'from "{metadata.upper()}".ducklake_data_file',
        f"delete from {metadata}.public.ducklake_snapshot",
        f"create table {metadata}.public.leak (i integer)",
    ]


def test_nothing_else_is_possible(place):
    before = _stored(place.lake_config)
    with read_only_lake(place) as reader:
        for attempt in _attempts(place.lake_config):
            with pytest.raises((TidemarkError, duckdb.Error)):
                pytest.fail(f"{attempt}: {reader.execute(attempt).fetchall()}")
        assert _one(reader, "select count(*) from lines") == [(50,)]
    assert _stored(place.lake_config) == before
    assert not list(Path("/tmp").glob("tidemark-leak*"))  # noqa: S108


def _stored(config):
    """The tables of the catalog's Postgres, and the lake's files."""
    with psycopg.connect(config.postgres_url.get_secret_value()) as connection:
        tables = connection.execute("select tablename from pg_tables order by 1").fetchall()
    if config.is_remote:
        bucket = config.data_path.removeprefix("s3://").partition("/")[0]
        listed = s3_client(config.s3).list_objects_v2(Bucket=bucket)["Contents"]
        return tables, sorted(item["Key"] for item in listed)
    return tables, sorted(map(str, Path(config.data_path).rglob("*")))


def test_behind_the_check_of_queries_engine_and_postgres_are_locked(place):
    lake = place.lake_config.data_path
    bucket = "s3://" + lake.removeprefix("s3://").partition("/")[0]
    metadata = "__ducklake_metadata_lake"
    before = _stored(place.lake_config)
    with read_only_lake(place) as reader:
        for statement in (
            "from read_text('/etc/hostname')",
            "copy (select 1) to '/tmp/tidemark-leak.csv'",
            "from read_csv('http://127.0.0.1:1/x.csv')",
            f"from read_csv('{bucket}/private/x.csv')",
            "copy (select 1) to 's3://other/leak.csv'",
            "load spatial",
            "set enable_external_access = true",
            "attach 'ducklake:postgres:' as again (meta_secret tidemark_catalog)",
            "delete from lake.marts.numbers",
            f"delete from {metadata}.public.ducklake_snapshot",
            f"call postgres_execute('{metadata}', 'create table leak (i int)')",
            f"call postgres_execute('{metadata}', 'commit; create table leak (i int)')",
        ):
            with pytest.raises(duckdb.Error):
                pytest.fail(f"{statement}: {reader._engine.execute(statement).fetchall()}")
    assert _stored(place.lake_config) == before


def test_a_variable_of_the_program_is_no_table(filled):
    secrets = duckdb.sql("select 'hidden' as word")
    with read_only_lake(filled) as reader, pytest.raises(duckdb.CatalogException):
        reader.execute("from secrets")
    assert secrets.fetchall() == [("hidden",)]


@pytest.mark.parametrize("query", ["selec 1", "from numbers limit where n", ")"])
def test_what_is_no_sql_is_answered_by_the_parser(filled, query):
    with read_only_lake(filled) as reader, pytest.raises(duckdb.ParserException, match="LINE 1"):
        reader.execute(query)


def test_memory_is_bounded(filled):
    config = filled.lake_config.model_copy(update={"memory_limit": "200MB"})
    with read_only_lake(SimpleNamespace(lake_config=config)) as reader:
        assert _one(reader, "select current_setting('memory_limit')") == [("190.7 MiB",)]
        with pytest.raises(duckdb.OutOfMemoryException):
            reader.execute("select list(repeat('x', 1000)) from range(1_000_000)")


_ENDLESS = """
import sys
from pathlib import Path
from types import SimpleNamespace
from dagster_project.lake_reader import read_only_lake
from lakehouse.config import LakeConfig
config = LakeConfig.model_validate_json(Path(sys.argv[1]).read_text())
with read_only_lake(SimpleNamespace(lake_config=config)) as reader:
    print("open", flush=True)
    reader.execute("select count(*) from range(1_000_000_000_000) as t(a) where a % 7 = 1")
"""


def test_a_long_query_ends_at_ctrl_c(filled, tmp_path):
    config = filled.lake_config
    settings = tmp_path / "config.json"
    url = config.postgres_url.get_secret_value()
    settings.write_text(
        json.dumps(config.model_dump(mode="json", exclude={"s3"}) | {"postgres_url": url})
    )
    command = [sys.executable, "-c", _ENDLESS, str(settings)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as query:
        assert query.stdout is not None
        assert query.stdout.readline() == b"open\n"
        time.sleep(0.1)
        query.send_signal(signal.SIGINT)
        started = time.monotonic()
        _, errors = query.communicate(timeout=60)
    assert time.monotonic() - started < 30
    assert errors.rstrip().endswith(b"KeyboardInterrupt")


def test_later_commits_are_seen(filled, lake):
    with read_only_lake(filled) as connection:
        assert _one(connection, "from numbers") == [(1,)]
        with lake.write("more") as write:
            write.connection.execute("insert into lake.marts.numbers values (2)")
        assert _one(connection, "select max(n) from numbers") == [(2,)]


def test_an_encrypted_lake_is_read_all_the_same(lake_config):
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
        "attach 'ducklake:postgres:host=db.example port=5433 user=me dbname=lake' as lake"
        " (read_only);" in text
    )
    assert "httpfs" not in text
    assert text.splitlines()[-1] == "use lake.marts;"
    remote = local.model_copy(update={"data_path": "s3://b/", "s3": S3Config()})
    assert attach_statement(SimpleNamespace(lake_config=remote)).startswith("install httpfs")
