"""Postgres' programs: the fitting ones are taken, and no argument shows a password."""

import os
from pathlib import Path

import psycopg
import pytest

from lakehouse.errors import TidemarkError
from lakehouse.postgres_client import (
    client_environment,
    client_programs,
    dump_command,
    dump_database,
    replace_database,
)

pytestmark = pytest.mark.integration


def test_the_oldest_programs_that_are_new_enough_are_taken():
    assert client_programs(13).major == 16
    assert client_programs(16).major == 16
    assert client_programs(17).major == 18


def test_programs_on_path_serve_a_server_newer_than_the_embedded_ones(tmp_path, monkeypatch):
    program = tmp_path / "pg_dump"
    program.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 99.2'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert client_programs(19).folder == tmp_path
    monkeypatch.setenv("PATH", "")
    with pytest.raises(TidemarkError, match="Postgres 19 needs") as raised:
        client_programs(19)
    assert "postgresql-client-19" in raised.value.hint


def test_the_url_goes_into_the_environment_with_its_tls_and_its_password(database_url):
    url = (
        "postgresql://tide:se%3Acret@db.example.com:6432/lake?sslmode=verify-full"
        "&sslrootcert=/ca.pem&channel_binding=require"
    )
    found = client_environment(url)
    assert {name: found[name] for name in found if name.startswith("PG")} == {
        "PGUSER": "tide", "PGPASSWORD": "se:cret", "PGHOST": "db.example.com", "PGPORT": "6432",
        "PGDATABASE": "lake", "PGSSLMODE": "verify-full", "PGSSLROOTCERT": "/ca.pem",
        "PGCHANNELBINDING": "require",
    }  # fmt: skip
    command = dump_command(database_url + "&password=secret", Path("file"))
    assert not [part for part in command if "secret" in part or "host" in part]


def test_a_dump_replaces_all_or_nothing(database_url, tmp_path):
    dump = tmp_path / "x.dump"
    with psycopg.connect(database_url) as connection:
        connection.execute("create table kept (i int)")
        connection.execute("insert into kept values (1)")
        connection.execute("create function f() returns int language sql return 1")
    dump_database(database_url, dump)
    with psycopg.connect(database_url) as connection:
        connection.execute("insert into kept values (2)")
        connection.execute("create table later (i int)")
        connection.execute("create view seen as select * from kept")
        connection.execute("create type mood as enum ('good')")
    with pytest.raises(TidemarkError, match="division by zero"):
        replace_database(database_url, dump, scratch=tmp_path, then="select 1 / 0;")
    with psycopg.connect(database_url) as connection:
        assert connection.execute("select count(*) from kept, (select 1) x").fetchone() == (2,)
    replace_database(
        database_url, dump, scratch=tmp_path, then="insert into public.kept values (3)"
    )
    with psycopg.connect(database_url) as connection:
        assert connection.execute("select i from kept order by i").fetchall() == [(1,), (3,)]
        left = connection.execute("select to_regclass('later'), to_regtype('mood')").fetchone()
    assert left == (None, None)
