"""Maintenance: few files stay, what models rest on stays readable, leftovers go."""

import os
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from lakehouse.connection import Lake
from lakehouse.maintenance import Maintenance, maintain
from tests.storage import on_every_s3, on_every_storage

pytestmark = pytest.mark.integration

ALL = timedelta(0)
DAY = timedelta(days=1)


def _load(lake: Lake, number: int, rows: int = 50) -> int:
    """One small load in a commit of its own; the snapshot that it makes."""
    with lake.write(f"load {number}") as write:
        write.connection.execute(f"insert into lake.raw.a select {number} from range({rows})")
        return write.snapshot_id


@pytest.fixture
def loaded(lake: Lake) -> tuple[Lake, list[int]]:
    """A table of twelve loads of 50 rows, and their snapshots."""
    with lake.write("table") as write:
        write.connection.execute("create table lake.raw.a (load integer)")
    return lake, [_load(lake, number) for number in range(12)]


def _maintain(lake: Lake, *, keep: timedelta = ALL, orphans: timedelta = DAY) -> Maintenance:
    return maintain(lake, now=datetime.now(UTC), keep_history=keep, orphans_after=orphans)


def _files(lake: Lake) -> set[Path]:
    return set(Path(lake.config.data_path).rglob("*.parquet"))


def _rows(lake: Lake, version: int) -> int:
    return int(lake.rows(f"select count(*) from lake.raw.a at (version => {version})")[0][0])


@on_every_storage
def test_small_files_become_few_and_no_row_is_lost(loaded, storage):
    lake, _ = loaded
    before = lake.rows("select load, count(*) from lake.raw.a group by load order by load")
    assert len(storage.files("lake")) == 12
    done = _maintain(lake)
    assert (done.before.files, done.after.files, done.removed_files) == (12, 1, 12)
    assert len(storage.files("lake")) == 1
    assert done.after.bytes < done.before.bytes
    assert lake.rows("select load, count(*) from lake.raw.a group by load order by load") == before


def test_deleted_rows_leave_the_files(loaded):
    lake, _ = loaded
    with lake.write("delete") as write:
        write.connection.execute("delete from lake.raw.a where rowid % 2 = 0")
    done = _maintain(lake)
    assert done.after.delete_files == 0
    files = [str(file) for file in _files(lake)]
    assert duckdb.sql(f"select count(*) from read_parquet({files})").fetchall() == [(300,)]


def test_history_within_the_time_to_keep_stays_readable(loaded):
    lake, snapshots = loaded
    done = _maintain(lake, keep=DAY)
    assert done.expired_snapshots == 0
    assert [_rows(lake, one) for one in snapshots] == [50 * n for n in range(1, 13)]


def test_what_models_training_sets_and_the_last_build_rest_on_stays(loaded):
    lake, snapshots = loaded
    with lake.write("pins") as write:
        for load_id, snapshot in ((1, snapshots[0]), (2, snapshots[8])):
            write.connection.execute(
                "insert into lake.ops.dbt_builds values (now(), ?, 'm', 'r', ?)",
                [load_id, snapshot],
            )
        columns = write.connection.execute(
            "select column_name, data_type from duckdb_columns() where database_name = 'lake'"
            " and schema_name = 'ml' and table_name = 'training_sets' order by column_index"
        ).fetchall()
        values = {
            "source_snapshot_id": str(snapshots[3]),
            **{name: "now()" for name, kind in columns if kind.startswith("TIMESTAMP")},
        }
        write.connection.execute(
            "insert into lake.ml.training_sets select "
            + ", ".join(values.get(name, f"cast('1' as {kind})") for name, kind in columns)
        )
    done = _maintain(lake)
    assert done.pinned_snapshots == 2
    assert done.expired_snapshots > 8
    assert (_rows(lake, snapshots[3]), _rows(lake, snapshots[8])) == (200, 450)
    with pytest.raises(duckdb.Error, match="No snapshot found"):
        _rows(lake, snapshots[0])


def test_files_of_killed_runs_go_once_they_are_old_enough(loaded):
    lake, _ = loaded
    left, fresh = (next(iter(_files(lake))).with_name(f"{n}.parquet") for n in ("left", "fresh"))
    for file in (left, fresh):
        shutil.copy(next(iter(_files(lake) - {left, fresh})), file)
    old = time.time() - 2 * 86_400
    os.utime(left, (old, old))
    done = _maintain(lake)
    assert done.orphaned_files == 1
    assert (left.exists(), fresh.exists()) == (False, True)
    assert lake.rows("select count(*) from lake.raw.a") == [(600,)]


@on_every_s3
def test_on_s3_the_files_of_killed_runs_go_too(loaded, storage):
    lake, _ = loaded
    (file, *_) = storage.files("lake")
    left = file.replace(".parquet", "-left.parquet")
    storage.put(left, storage.read(file))
    # The server keeps the time; so the age that counts is negative here.
    kept = _maintain(lake, keep=DAY, orphans=DAY)
    assert (kept.orphaned_files, left in storage.files("lake")) == (0, True)
    done = _maintain(lake, keep=DAY, orphans=-DAY)
    assert (done.orphaned_files, left in storage.files("lake")) == (1, False)
    assert lake.rows("select count(*) from lake.raw.a") == [(600,)]


def test_a_second_maintenance_has_nothing_to_do(loaded):
    lake, _ = loaded
    _maintain(lake)
    again = _maintain(lake)
    assert (again.removed_files, again.orphaned_files) == (0, 0)
    assert again.before == again.after


def test_many_small_loads_do_not_add_up_to_many_files(loaded):
    """1,000 loads, maintained each 100: the number of files stays bounded."""
    lake, _ = loaded
    most = 0
    for number in range(1_000):
        _load(lake, number + 12, rows=20)
        if number % 100 == 99:
            most = max(most, len(_files(lake)))
            _maintain(lake)
    assert most <= 150
    assert len(_files(lake)) <= 12
    assert lake.rows("select count(*), count(distinct load) from lake.raw.a") == [(20_600, 1_012)]
