"""Writes commit whole or not at all, readers see no half write, a lost Postgres is survived."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import duckdb
import psutil
import pytest
from pydantic import SecretStr

from lakehouse.config import LakeConfig
from lakehouse.connection import Lake, LakeWrite, open_lake
from lakehouse.errors import TidemarkError
from lakehouse.postgres import server_url, start_server, stop_server
from lakehouse.writer_lock import lock_holder
from tests.storage import on_every_storage, on_folder_and_s3

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[3]
# Reads until told to stop, and prints each distinct number of rows that it has seen.
_READER = """
import sys, select
from lakehouse.config import LakeConfig
from lakehouse.connection import Lake
lake = Lake(LakeConfig.model_validate_json(sys.argv[1]), read_only=True)
seen = []
while not select.select([sys.stdin], [], [], 0)[0]:
    counts = lake.rows("select (select count(*) from lake.a), (select count(*) from lake.b)")[0]
    if counts not in seen:
        seen.append(counts)
        print(counts, flush=True)
"""


@pytest.fixture
def bare_lake(lake_config):
    """A lake with one empty table and none of the platform's own."""
    lake = Lake(lake_config)
    with lake.write("make t") as write:
        write.connection.execute("create table lake.t (n integer, snapshot_id bigint)")
    yield lake
    lake.close()


def _insert(write, n: int) -> None:
    write.connection.execute("insert into lake.t values (?, ?)", [n, write.snapshot_id])


def _write(lake: Lake, *steps: Callable[[LakeWrite], object]) -> None:
    with lake.write("several steps") as write:
        for step in steps:
            step(write)


def _raising(failure: type[BaseException]) -> Callable[[LakeWrite], object]:
    def step(_: LakeWrite) -> None:
        raise failure("inside")

    return step


def _as_json(config: LakeConfig) -> str:
    url = config.postgres_url.get_secret_value()
    return json.dumps(config.model_dump(mode="json", exclude={"s3"}) | {"postgres_url": url})


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_write_that_fails_inside_leaves_nothing(bare_lake, failure):
    before = bare_lake.snapshot_id()
    with pytest.raises(failure):
        _write(bare_lake, lambda write: _insert(write, 1), _raising(failure))
    assert bare_lake.rows("from lake.t") == []
    assert bare_lake.snapshot_id() == before
    assert lock_holder(bare_lake.config.postgres_url.get_secret_value()) is None
    with bare_lake.write("next") as write:
        _insert(write, 2)
    assert bare_lake.rows("select n from lake.t") == [(2,)]


@on_folder_and_s3
def test_a_statement_that_fails_takes_those_before_it_along(bare_lake):
    with pytest.raises(duckdb.CatalogException):
        _write(
            bare_lake,
            lambda write: _insert(write, 1),
            lambda write: write.connection.execute("insert into lake.no_such_table values (1)"),
        )
    assert bare_lake.rows("from lake.t") == []


def test_several_statements_make_one_snapshot_with_the_purpose(bare_lake):
    with bare_lake.write("three rows") as write:
        for n in range(3):
            _insert(write, n)
    assert bare_lake.snapshot_id() == write.snapshot_id
    assert bare_lake.rows("select distinct snapshot_id from lake.t") == [(write.snapshot_id,)]
    newest = bare_lake.rows(
        "select author, commit_message from lake.snapshots() where snapshot_id = ?",
        [write.snapshot_id],
    )
    assert newest == [("tidemark", "three rows")]


@on_every_storage
def test_the_snapshot_named_in_a_write_is_the_one_it_makes_after_other_writers(
    bare_lake, lake_config
):
    other = Lake(lake_config)
    for n in range(3):
        for writer in (bare_lake, other):
            with writer.write("one row") as write:
                _insert(write, n)
            assert writer.snapshot_id() == write.snapshot_id
    other.close()
    # Each row appears with the snapshot that it names, and not before.
    for n, snapshot in bare_lake.rows("select n, snapshot_id from lake.t"):
        one = "select count(*) from lake.t at (version => {}) where n = ? and snapshot_id = ?"
        assert bare_lake.rows(one.format(snapshot), [n, snapshot]) == [(1,)]
        assert bare_lake.rows(one.format(snapshot - 1), [n, snapshot]) == [(0,)]


def test_threads_that_write_at_once_lose_nothing(bare_lake):
    def write_one(n: int) -> None:
        with bare_lake.write(f"row {n}") as write:
            _insert(write, n)

    threads = [threading.Thread(target=write_one, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bare_lake.rows("select n from lake.t order by n") == [(0,), (1,), (2,), (3,)]
    assert bare_lake.rows("select count(distinct snapshot_id) from lake.t") == [(4,)]


def test_a_reader_in_another_process_never_sees_half_a_write(bare_lake):
    with bare_lake.write("two tables") as write:
        write.connection.execute("create table lake.a (n integer)")
        write.connection.execute("create table lake.b (n integer)")
    reader = subprocess.Popen(
        [sys.executable, "-c", _READER, _as_json(bare_lake.config)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    seen = [reader.stdout.readline()]
    for _ in range(4):
        with bare_lake.write("both") as write:
            write.connection.execute("insert into lake.a from range(10)")
            write.connection.execute("insert into lake.b from range(10)")
        seen.append(reader.stdout.readline())
    rest, _ = reader.communicate("\n")
    counts = [line.strip("()\n").split(", ") for line in [*seen, *rest.splitlines()]]
    assert reader.returncode == 0
    assert counts == [[str(10 * n), str(10 * n)] for n in range(5)]


def test_a_read_only_lake_refuses_writes(bare_lake, lake_config):
    reader = Lake(lake_config, read_only=True)
    with pytest.raises(duckdb.Error, match="read-only"):
        reader.rows("insert into lake.t values (1, 1)")
    reader.close()


def test_parameters_go_by_position_and_by_name(bare_lake):
    assert bare_lake.rows("select ?, ?", [1, "a'b"]) == [(1, "a'b")]
    assert bare_lake.rows("select $x", {"x": 2}) == [(2,)]


def test_tables_come_as_arrow(bare_lake):
    table = bare_lake.table("select range as n from range(3)")
    assert table.column("n").to_pylist() == [0, 1, 2]


def test_a_closed_lake_opens_again_on_use(bare_lake):
    bare_lake.close()
    bare_lake.close()
    assert bare_lake.rows("select count(*) from lake.t") == [(0,)]


def test_a_process_has_one_lake_for_a_configuration(lake_config):
    assert open_lake(lake_config) is open_lake(lake_config.model_copy())
    assert open_lake(lake_config) is not open_lake(lake_config.model_copy(update={"threads": 1}))


def test_a_transaction_that_cannot_roll_back_gives_up_its_connection(bare_lake):
    with pytest.raises(ValueError, match="inside"):
        _write(
            bare_lake,
            lambda write: _insert(write, 1),
            lambda write: write.connection.execute("rollback"),
            _raising(ValueError),
        )
    assert bare_lake.rows("from lake.t") == []
    with bare_lake.write("next") as write:
        _insert(write, 2)
    assert bare_lake.rows("select n from lake.t") == [(2,)]


def test_the_lake_goes_on_after_postgres_was_killed_and_started(short_folder):
    folder = Path(tempfile.mkdtemp(prefix="tm-"))
    status = start_server(folder / "pg")
    lake = Lake(
        LakeConfig(
            postgres_url=SecretStr(server_url(status, "postgres")),
            data_path=f"{folder / 'lake'}/",
            state_folder=short_folder / "state",
            memory_limit="1GB",
        )
    )
    with lake.write("make t") as write:
        write.connection.execute("create table lake.t as select 1 as n")
    its_own = [p for p in psutil.process_iter(["cwd"]) if p.info["cwd"] == str(folder / "pg")]
    with pytest.raises(TidemarkError, match="does not answer"):
        _write(
            lake,
            lambda write: write.connection.execute("insert into lake.t values (2)"),
            lambda _: os.kill(status.pid, signal.SIGKILL),
            lambda _: psutil.wait_procs(its_own, timeout=30),
        )
    for attempt in (lambda: lake.rows("from lake.t"), lambda: lake.write("x").__enter__()):
        with pytest.raises(TidemarkError, match="does not answer") as raised:
            attempt()
        assert "starts the embedded Postgres" in raised.value.hint
    start_server(folder / "pg")
    assert lake.rows("from lake.t") == [(1,)]
    with lake.write("row") as write:
        write.connection.execute("insert into lake.t values (3)")
    assert lake.rows("from lake.t order by n") == [(1,), (3,)]
    lake.close()
    stop_server(folder / "pg")
    shutil.rmtree(folder)


@on_folder_and_s3
def test_an_encrypted_lake_writes_files_that_only_its_catalog_opens(lake_config, storage):
    import pyarrow as pa
    import pyarrow.parquet as pq

    config = lake_config.model_copy(update={"encrypted": True})
    lake = Lake(config)
    with lake.write("rows") as write:
        write.connection.execute("create table lake.t as select range as n from range(1000)")
        write.connection.execute("delete from lake.t where n < 10")
    with lake.write("change") as write:
        write.connection.execute("update lake.t set n = -n where n < 20")
    before = lake.snapshot_id() - 1
    lake.close()
    files = storage.files("lake")
    assert files
    for file in files:
        content = storage.read(file)
        assert content[:4] != b"PAR1"
        with pytest.raises(OSError, match=r"(?i)encrypt"):
            pq.read_table(pa.BufferReader(content))
    again = Lake(config)
    assert again.rows("select count(*), min(n), max(n) from lake.t") == [(990, -19, 999)]
    assert again.rows(f"select min(n) from lake.t at (version => {before})") == [(10,)]
    again.close()
