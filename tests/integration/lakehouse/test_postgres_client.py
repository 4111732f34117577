"""Postgres' programs: the fitting ones are taken, and no argument shows a password."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from dagster_project.doctor.postgres import check_tls
from lakehouse.errors import TidemarkError
from lakehouse.postgres_client import (
    _without_timeout,
    client_environment,
    client_programs,
    dump_command,
    dump_database,
    replace_database,
)

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory):
    """The URL of a Postgres that takes only TLS and passwords, and the file of its certificate.

    The embedded one knows no TLS, so one has to be installed.
    """
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs or shutil.which("openssl") is None:
        pytest.skip("there is no installed Postgres, or no openssl")
    folder = Path(tempfile.mkdtemp(prefix="tm-tls-"))
    # Postgres refuses to run as root.
    user = "nobody" if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def run(*command: object) -> None:
        subprocess.run(list(map(str, command)), user=user, check=True, capture_output=True)

    data = folder / "data"
    (folder / "password").write_text("a secret\n")
    (folder / "password").chmod(0o644)
    run(
        programs[-1] / "initdb", "-D", data, "-U", "tide", "-A", "scram-sha-256",
        f"--pwfile={folder / 'password'}",
    )  # fmt: skip
    run(
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
        "/CN=localhost", "-keyout", data / "server.key", "-out", data / "server.crt",
    )  # fmt: skip
    (data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
    options = f"-c ssl=on -c listen_addresses=127.0.0.1 -p {port} -k {folder}"
    run(programs[-1] / "pg_ctl", "-D", data, "-o", options, "-l", folder / "log", "-w", "start")
    certificate = tmp_path_factory.mktemp("tls") / "ca.pem"
    shutil.copy(data / "server.crt", certificate)
    yield (
        f"postgresql://tide:a%20secret@localhost:{port}/postgres"
        f"?sslmode=verify-full&sslrootcert={certificate}"
    )
    run(programs[-1] / "pg_ctl", "-D", data, "-m", "immediate", "stop")
    shutil.rmtree(folder, ignore_errors=True)


def test_the_oldest_embedded_programs_that_are_new_enough_are_taken(database_url):
    assert client_programs(database_url).major == 18
    assert client_programs(database_url).folder.is_relative_to(sys.prefix)


def test_programs_on_path_serve_what_is_newer_than_the_embedded_ones(
    database_url, tmp_path, monkeypatch
):
    program = tmp_path / "pg_dump"
    program.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 99.2'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert client_programs(database_url, least=19).folder == tmp_path
    monkeypatch.setenv("PATH", "")
    with pytest.raises(
        TidemarkError, match=r"version 19 or newer; on PATH there is none"
    ) as raised:
        client_programs(database_url, least=19)
    assert "postgresql-client-19" in raised.value.hint


def test_a_server_that_wants_tls_is_never_reached_without(tls_server, tmp_path, monkeypatch):
    with psycopg.connect(tls_server) as connection:
        connection.execute("create table kept as select 1 as i")
    assert not client_programs(tls_server).folder.is_relative_to(sys.prefix)
    dump_database(tls_server, tmp_path / "x.dump")
    replace_database(
        tls_server, tmp_path / "x.dump", scratch=tmp_path, then="insert into public.kept values (2)"
    )
    with psycopg.connect(tls_server) as connection:
        assert connection.execute("select sum(i) from kept").fetchone() == (3,)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(TidemarkError, match="with TLS"):
        client_programs(tls_server)


def test_the_doctor_tells_an_unchecked_certificate(tls_server):
    # The name is another machine's, the address this one's.
    for mode, status in (("require", "warning"), ("verify-ca", "good")):
        url = make_conninfo(tls_server, host="db.example.com", hostaddr="127.0.0.1", sslmode=mode)
        with psycopg.connect(url) as connection:
            (finding,) = check_tls(connection)
        assert finding.status == status, finding


def test_newer_programs_restore_to_a_server_that_lacks_their_settings(tmp_path):
    script = tmp_path / "2.sql"
    script.write_text("SET lock_timeout = 0;\nSET transaction_timeout = 0;\ncopy\n")
    assert _without_timeout(script).read_text() == "SET lock_timeout = 0;\ncopy\n"


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
