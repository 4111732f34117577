"""The writer lock between processes: one waits, a dead holder frees it, a long one is named."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from lakehouse.advisory_lock import AdvisoryLock
from lakehouse.errors import TidemarkError
from lakehouse.postgres import server_url
from lakehouse.writer_lock import lock_holder, writer_lock

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[3]
# Holds the lock until a line comes in.
_HOLD = (
    "import sys\n"
    "from lakehouse.writer_lock import writer_lock\n"
    "with writer_lock(sys.argv[1], sys.argv[2]):\n"
    "    print('held', flush=True)\n"
    "    sys.stdin.readline()\n"
    "    print('done', flush=True)\n"
)


@pytest.fixture
def hold(database_url):
    """Starts processes that take the lock; those still running are killed at the end."""
    started = []

    def start(purpose: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-c", _HOLD, database_url, purpose],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_second_process_waits_for_the_first(database_url, hold):
    first = hold("first")
    assert first.stdout.readline() == "held\n"
    with (
        pytest.raises(TidemarkError, match="'first'"),
        writer_lock(database_url, "impatient", wait_seconds=0.2),
    ):
        pytest.fail("two held the lock")
    second = hold("second")
    first.stdin.write("\n")
    first.stdin.flush()
    assert first.stdout.readline() == "done\n"
    assert second.stdout.readline() == "held\n"
    assert lock_holder(database_url).purpose == "second"


def test_a_killed_holder_frees_the_lock(database_url, hold):
    holder = hold("doomed")
    assert holder.stdout.readline() == "held\n"
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with writer_lock(database_url, "next", wait_seconds=30):
        assert lock_holder(database_url).purpose == "next"


def test_the_holder_is_shown_with_purpose_process_and_time(database_url):
    with writer_lock(database_url, "append to ml.scores"):
        holder = lock_holder(database_url)
        with psycopg.connect(database_url) as connection:
            known = connection.execute(
                "select pid from pg_stat_activity where application_name like 'tidemark writer%'"
            ).fetchall()
    assert holder.purpose == "append to ml.scores"
    assert [(holder.process_id,)] == known
    assert holder.since.tzinfo is UTC
    assert abs(datetime.now(UTC) - holder.since) < timedelta(minutes=10)


def test_times_are_utc_whatever_the_server_s_time_zone(database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        name = sql.Identifier(connection.info.dbname)
        zone = "alter database {} set timezone to 'Asia/Tokyo'"
        connection.execute(sql.SQL(zone).format(name))
    with writer_lock(database_url, "zoned"):
        since = lock_holder(database_url).since
        with (
            pytest.raises(TidemarkError) as raised,
            writer_lock(database_url, "second", wait_seconds=0),
        ):
            pytest.fail("two held the lock")
    assert since.utcoffset() == timedelta(0)
    assert f"since {since:%Y-%m-%d %H:%M:%S} UTC" in raised.value.message


def test_giving_up_names_the_holder_and_the_seconds(database_url):
    with (
        writer_lock(database_url, "dbt build"),
        pytest.raises(TidemarkError, match=r"held by 'dbt build' .* gave up after 0 s") as raised,
        writer_lock(database_url, "second", wait_seconds=0.1),
    ):
        pytest.fail("two held the lock")
    assert "frees itself" in raised.value.hint


def test_a_holder_that_just_left_is_another_process(database_url, monkeypatch):
    monkeypatch.setattr(AdvisoryLock, "holder", lambda *_: None)
    with (
        writer_lock(database_url, "first"),
        pytest.raises(TidemarkError, match="held by another process"),
        writer_lock(database_url, "second", wait_seconds=0),
    ):
        pytest.fail("two held the lock")


def test_nobody_holds_a_free_lock(database_url):
    assert lock_holder(database_url) is None
    with writer_lock(database_url, "short"):
        pass
    _assert_freed(database_url)


def test_an_exception_inside_frees_the_lock(database_url):
    with pytest.raises(ZeroDivisionError), writer_lock(database_url, "failing"):
        _ = 1 / 0
    _assert_freed(database_url)


def _assert_freed(database_url):
    """Postgres ends a session a moment after its connection is closed."""
    deadline = time.monotonic() + 30
    while holder := lock_holder(database_url):
        assert time.monotonic() < deadline, holder
        time.sleep(0.01)


def test_a_long_purpose_is_cut(database_url):
    with writer_lock(database_url, "x" * 300):
        assert lock_holder(database_url).purpose == "x" * 40


def test_the_lock_of_another_lake_on_the_same_server_is_another_lock(database_url, postgres_server):
    elsewhere = server_url(postgres_server, "postgres")
    with writer_lock(database_url, "here"):
        assert lock_holder(elsewhere) is None
        with writer_lock(elsewhere, "there", wait_seconds=0):
            assert lock_holder(database_url).purpose == "here"
