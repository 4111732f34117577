"""The embedded Postgres: one server a folder, whoever starts it and however it ended."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import psycopg
import pytest

from lakehouse import postgres
from lakehouse.errors import TidemarkError
from lakehouse.postgres import (
    PostmasterStatus,
    ensure_databases,
    running_server,
    server_url,
    start_server,
    stop_server,
)

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[3]
_START = (
    "import sys, pathlib\n"
    "from lakehouse.postgres import start_server\n"
    "print(start_server(pathlib.Path(sys.argv[1])).pid)\n"
)


@pytest.fixture(scope="module")
def own_folder():
    """The data folder of a server that only this module starts, kills and stops."""
    folder = Path(tempfile.mkdtemp(prefix="tm-"))
    yield folder / "pg"
    stop_server(folder / "pg")
    shutil.rmtree(folder, ignore_errors=True)


def _killed(data_folder: Path) -> str:
    """Kills the server; the text of the pid file that it leaves."""
    status = start_server(data_folder)
    text = (data_folder / "postmaster.pid").read_text()
    folder = str(data_folder.resolve())
    its_own = [p for p in psutil.process_iter(["cwd"]) if p.info["cwd"] == folder]
    os.kill(status.pid, signal.SIGKILL)
    psutil.wait_procs(its_own, timeout=30)
    return text


def test_two_processes_that_start_it_at_once_get_one_server(own_folder):
    starting = [
        subprocess.Popen(
            [sys.executable, "-c", _START, str(own_folder)], stdout=subprocess.PIPE, cwd=ROOT
        )
        for _ in range(2)
    ]
    pids = {process.communicate()[0] for process in starting}
    assert [process.returncode for process in starting] == [0, 0]
    assert len(pids) == 1
    assert running_server(own_folder).pid == int(pids.pop())


def test_a_server_that_runs_is_handed_out_again(own_folder):
    assert start_server(own_folder) == start_server(own_folder)


def test_a_killed_server_is_started_again_by_the_same_process(own_folder):
    _killed(own_folder)
    assert running_server(own_folder) is None
    status = start_server(own_folder)
    with psycopg.connect(server_url(status, "postgres")) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_a_pid_file_whose_number_is_another_process_by_now_is_stale(own_folder):
    lines = _killed(own_folder).splitlines()
    stale = [str(os.getppid()), *lines[1:]]
    (own_folder / "postmaster.pid").write_text("\n".join(stale) + "\n")
    assert running_server(own_folder) is None
    assert start_server(own_folder).pid != os.getppid()


def test_a_socket_s_lock_of_a_server_that_is_gone_is_stale(own_folder):
    """Its number is one of a living process, as that of a dead one is until it is waited for."""
    stop_server(own_folder)
    (own_folder / ".s.PGSQL.5432.lock").write_text(f"{os.getppid()}\n{own_folder}\n0\n5432\n")
    assert running_server(own_folder) is None
    assert start_server(own_folder).pid != os.getppid()


def test_a_pid_file_that_was_cut_off_is_stale(own_folder):
    _killed(own_folder)
    (own_folder / "postmaster.pid").write_text("12")
    assert running_server(own_folder) is None
    assert start_server(own_folder) == running_server(own_folder)


@pytest.fixture
def new_folder():
    """A data folder of the test's own, short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="tm-"))
    yield folder / "pg"
    stop_server(folder / "pg")
    shutil.rmtree(folder, ignore_errors=True)


def test_a_cluster_whose_making_was_killed_is_made_anew(new_folder):
    (new_folder / "base" / "1").mkdir(parents=True)
    (new_folder / "PG_VERSION").write_text("18\n")
    (new_folder / "base" / "1" / "1259").write_bytes(b"half")
    with psycopg.connect(server_url(start_server(new_folder), "postgres")) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_what_still_makes_a_cluster_is_ended_first(new_folder):
    new_folder.mkdir()
    (new_folder / "PG_VERSION").write_text("18\n")
    # A process by the name of initdb, at work in the folder.
    program = new_folder.parent / "initdb"
    shutil.copy(shutil.which("sleep"), program)
    left = subprocess.Popen([program, "600"], cwd=new_folder)
    start_server(new_folder)
    # By itself it would take longer.
    left.wait(timeout=10)


def test_a_cluster_that_holds_a_database_is_never_removed(new_folder, monkeypatch):
    """As a copy made by pg_basebackup, which leaves out that a server has started on it."""
    (new_folder / "base" / "16384").mkdir(parents=True)
    (new_folder / "PG_VERSION").write_text("18\n")
    monkeypatch.setattr(postgres, "_running_package_server", lambda _: None)
    with pytest.raises(TidemarkError, match="does not answer"):
        start_server(new_folder)
    assert (new_folder / "base" / "16384").exists()


def test_stopping_says_whether_there_was_something_to_stop(own_folder):
    start_server(own_folder)
    assert stop_server(own_folder) is True
    assert running_server(own_folder) is None
    assert stop_server(own_folder) is False


def test_a_server_that_cannot_start_names_its_log(own_folder, monkeypatch):
    def failing(_):
        raise subprocess.CalledProcessError(1, "pg_ctl")

    stop_server(own_folder)
    monkeypatch.setattr(postgres, "_running_package_server", failing)
    with pytest.raises(TidemarkError, match="did not start") as raised:
        start_server(own_folder)
    assert str(own_folder / "log") in raised.value.hint


def test_a_server_that_never_answers_is_an_error(own_folder, monkeypatch):
    stop_server(own_folder)
    monkeypatch.setattr(postgres, "_running_package_server", lambda _: None)
    with pytest.raises(TidemarkError, match="does not answer"):
        start_server(own_folder)


def test_a_path_too_long_for_a_socket_is_refused_before_anything_is_made(tmp_path):
    folder = tmp_path / ("x" * 100) / "pg"
    with pytest.raises(TidemarkError, match="107 are possible") as raised:
        start_server(folder)
    assert "TIDEMARK_STATE" in raised.value.hint
    assert not folder.parent.exists()


def test_the_longest_possible_path_passes_the_check(tmp_path, monkeypatch):
    # Counted in bytes, as the kernel does: each of the last letters has two.
    base = Path(tempfile.mkdtemp(prefix="tm-"))
    room = 107 - len(f"{base.resolve()}//.s.PGSQL.5432")
    monkeypatch.setattr(postgres, "_running_package_server", lambda _: None)
    with pytest.raises(TidemarkError, match="does not answer"):
        start_server(base / ("x" * (room - 2) + "é"))
    with pytest.raises(TidemarkError, match="108 characters"):
        start_server(base / ("x" * (room - 1) + "é"))
    base.rmdir()


@pytest.mark.parametrize("folder", ["nothing", "file/below"])
def test_no_server_runs_where_there_is_no_folder(tmp_path, folder):
    (tmp_path / "file").touch()
    assert running_server(tmp_path / folder) is None


def test_missing_databases_are_made_once(postgres_server: PostmasterStatus):
    url = server_url(postgres_server, "postgres")
    name = f"made_{time.time_ns()}"
    for _ in range(2):
        ensure_databases(url, (name,))
    with psycopg.connect(server_url(postgres_server, name)) as connection:
        assert connection.execute("select current_database()").fetchone() == (name,)


def test_a_database_that_another_process_made_meanwhile_is_no_error(
    postgres_server: PostmasterStatus,
):
    with psycopg.connect(server_url(postgres_server, "postgres"), autocommit=True) as connection:
        postgres._create_database(connection, "postgres")
        assert connection.execute("select 1").fetchone() == (1,)
