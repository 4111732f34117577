"""The engine: limits kept, extensions out of their wheels, secrets quoted."""

from pathlib import Path

import duckdb
import pytest
from pydantic import SecretStr

from lakehouse import engine
from lakehouse.config import LakeConfig, S3Config
from lakehouse.connection import Lake
from lakehouse.engine import (
    catalog_secret_options,
    extensions,
    file_engine,
    install_extensions,
    new_engine,
)
from lakehouse.errors import TidemarkError

pytestmark = pytest.mark.integration
_WITH_KEYS = S3Config(access_key=SecretStr("k"), secret_key=SecretStr("x"))


@pytest.fixture
def config(tmp_path):
    return LakeConfig(
        postgres_url=SecretStr("postgresql:///nothing"),
        data_path=f"{tmp_path}/",
        state_folder=tmp_path / "state",
        memory_limit="300MB",
        threads=1,
    )


def _setting(connection: duckdb.DuckDBPyConnection, name: str) -> object:
    return connection.execute("select current_setting(?)", [name]).fetchone()[0]


def _loaded(connection: duckdb.DuckDBPyConnection) -> set[str]:
    query = "select extension_name from duckdb_extensions() where loaded"
    return {row[0] for row in connection.execute(query).fetchall()}


def test_limits_time_zone_and_folders_are_the_settings_own(config):
    with file_engine(config) as connection:
        assert _setting(connection, "threads") == 1
        assert _setting(connection, "memory_limit") == "286.1 MiB"
        assert _setting(connection, "TimeZone") == "UTC"
        assert Path(_setting(connection, "temp_directory")).is_relative_to(config.temporary_folder)
        assert _setting(connection, "autoinstall_known_extensions") is False


def test_engines_spill_into_folders_of_their_own(config):
    """In a common one they read each other's pages: errors at best, wrong rows at worst."""
    ordered = "select count(*) from (select i from range(4000000) t(i) order by hash(i * ?))"
    with file_engine(config) as one, file_engine(config) as other:
        folders = {_setting(engine, "temp_directory") for engine in (one, other)}
        assert len(folders) == 2
        tables = (
            "create temp table spilled as select i, md5(i::varchar) as m from range(4e6::int) t(i)"
        )
        for engine in (one, other):
            engine.execute("set memory_limit = '100MB'; set preserve_insertion_order = false")
            engine.execute(tables)
        assert all(list(Path(folder).iterdir()) for folder in folders)
        for engine in (one, other):
            assert engine.execute(ordered, [1]).fetchone() == (4_000_000,)
            wrong = "select count(*) from spilled where m <> md5(i::varchar)"
            assert engine.execute(wrong).fetchone() == (0,)


def test_reading_files_loads_none_of_the_lake_s_extensions(config):
    with file_engine(config) as connection:
        assert not {"ducklake", "postgres_scanner"} & _loaded(connection)


def test_extensions_are_installed_from_wheels_into_the_state_folder(config):
    install_extensions(config)
    installed = {file.name for file in config.extension_folder.rglob("*.duckdb_extension")}
    assert installed == {"ducklake.duckdb_extension", "postgres_scanner.duckdb_extension"}
    with new_engine(config) as connection:
        assert {"ducklake", "postgres_scanner"} <= _loaded(connection)


def test_a_remote_lake_needs_the_s3_extensions_too(config):
    remote = config.model_copy(update={"data_path": "s3://bucket/lake/", "s3": _WITH_KEYS})
    assert extensions(config) == ("postgres_scanner", "ducklake")
    assert set(extensions(remote)) - set(extensions(config)) == {"httpfs", "aws"}
    with file_engine(remote) as connection:
        names = connection.execute("select name from duckdb_secrets()").fetchall()
        assert {"httpfs", "aws"} <= _loaded(connection)
    assert names == [("tidemark_s3",)]


def test_without_any_keys_a_remote_lake_says_which_settings_are_missing(config, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(config.state_folder / "nothing"))
    lake = Lake(config.model_copy(update={"data_path": "s3://bucket/lake/"}))
    with pytest.raises(TidemarkError, match="no keys"):
        lake.rows("select 1")


def test_an_encrypted_lake_needs_an_engine_that_can_encrypt(config):
    encrypted = config.model_copy(update={"encrypted": True})
    assert extensions(encrypted) == (*extensions(config), "httpfs")
    with new_engine(encrypted) as connection:
        assert "httpfs" in _loaded(connection)


@pytest.mark.parametrize("name", ["no_such_thing", "os"])
def test_a_missing_wheel_is_named_with_its_version(name):
    with pytest.raises(TidemarkError, match=f"no installed extension '{name}'") as raised:
        engine._extension_file(name)
    assert f"=={duckdb.__version__}" in raised.value.hint


@pytest.mark.parametrize(
    ("s3", "expected"),
    [
        (
            S3Config(
                endpoint="http://127.0.0.1:9000/",
                access_key=SecretStr("it's"),
                secret_key=SecretStr("x"),
            ),
            {"endpoint=127.0.0.1:9000", "use_ssl=false", "url_style=path", "key_id=it's"},
        ),
        (
            S3Config(
                endpoint="https://s3.example",
                region="eu-x",
                path_style=False,
                access_key=SecretStr("k"),
                secret_key=SecretStr("x"),
            ),
            {"endpoint=s3.example", "use_ssl=true", "url_style=vhost", "region=eu-x"},
        ),
    ],
)
def test_the_s3_secret_says_what_the_settings_say(config, s3, expected):
    with file_engine(config.model_copy(update={"data_path": "s3://b/", "s3": s3})) as connection:
        text = connection.execute("select secret_string from duckdb_secrets()").fetchone()[0]
    assert expected <= set(text.split(";"))
    assert "secret=x" not in text


def test_a_kms_key_goes_with_the_keys_of_the_credential_chain(config, monkeypatch):
    """The engine's own chain takes no KMS key."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of the chain")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    s3 = S3Config(encryption="aws:kms", kms_key="the-key")
    with file_engine(config.model_copy(update={"data_path": "s3://b/", "s3": s3})) as connection:
        text = connection.execute("select secret_string from duckdb_secrets()").fetchone()[0]
    assert {"key_id=of the chain", "kms_key_id=the-key", "provider=config"} <= set(text.split(";"))
    assert "hidden" not in text


def test_requests_to_s3_are_repeated_for_twelve_seconds(config):
    s3 = S3Config(access_key=SecretStr("k"), secret_key=SecretStr("x"))
    with file_engine(config.model_copy(update={"data_path": "s3://b/", "s3": s3})) as connection:
        retries, first, factor = connection.execute(
            "select current_setting('http_retries'), current_setting('http_retry_wait_ms'),"
            " current_setting('http_retry_backoff')"
        ).fetchone()
    assert sum(first * factor**number for number in range(retries)) == 12_100


def test_the_catalog_s_parts_become_a_secret_s_options(config):
    url = SecretStr(
        "postgresql://me:p%40ss@db.example:5433/lake?sslmode=require&client_encoding=utf8"
    )
    full = config.model_copy(update={"postgres_url": url})
    assert catalog_secret_options(full) == {
        "host": "db.example", "port": "5433", "database": "lake", "user": "me", "password": "p@ss",
        "sslmode": "require",
    }  # fmt: skip
    assert catalog_secret_options(config) == {"database": "nothing"}
