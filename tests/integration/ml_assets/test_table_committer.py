"""Commits of tasks' files: all or nothing, once, and encrypted where the lake is."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse.connection import Lake
from lakehouse.errors import TidemarkError
from ml_assets.table_committer import TableCommitter
from ml_assets.task_engine import Task, TaskResult
from tests.storage import on_every_storage, on_folder_and_s3

pytestmark = pytest.mark.integration
TABLE = ("ml", "numbers")


def _lake_with_table(config) -> Lake:
    lake = Lake(config)
    with lake.write("test table") as write:
        write.connection.execute("create schema lake.ml")
        write.connection.execute("create table lake.ml.numbers (id bigint, name varchar)")
    return lake


@pytest.fixture
def lake(lake_config):
    """A lake with an empty table of numbers and nothing else."""
    lake = _lake_with_table(lake_config)
    yield lake
    lake.close()


@pytest.fixture
def work(tmp_path):
    """Makes tasks with the results that their workers would have written."""

    def make(*ranges: range, schema_hash: str = "s"):
        tasks, results = [], []
        for index, ids in enumerate(ranges):
            file = tmp_path / "out" / f"part-{index:05d}.parquet"
            file.parent.mkdir(exist_ok=True)
            names = pa.array([f"n{i}" for i in ids], pa.string())
            pq.write_table(pa.table({"id": pa.array(ids, pa.int64()), "name": names}), file)
            tasks.append(Task(f"{index:05d}", (), {}, str(file.parent)))
            results.append(TaskResult(f"{index:05d}", (str(file),), len(ids), schema_hash))
        return tasks, results

    return make


def _append(lake, work, *, rows: int, run_id: str = "run-1") -> int:
    return TableCommitter(lake, key=("id",)).append(TABLE, *work, rows=rows, run_id=run_id)


def _ids(lake) -> list[int]:
    return [row[0] for row in lake.rows("select id from lake.ml.numbers order by id")]


@on_every_storage
def test_all_files_become_visible_in_one_snapshot(lake, work):
    before = lake.snapshot_id()
    assert _append(lake, work(range(5), range(5, 8)), rows=8) == 8
    assert _ids(lake) == list(range(8))
    assert lake.snapshot_id() == before + 1
    assert lake.rows("select name from lake.ml.numbers where id = 7") == [("n7",)]


@pytest.mark.parametrize(
    ("spoil", "rows"),
    [
        (lambda tasks, results: (tasks, results[:1]), 3),
        (lambda tasks, results: (tasks, results[:1]), 6),
        (lambda tasks, results: (tasks, results), 7),
        (lambda tasks, results: (tasks, results), 5),
        (lambda tasks, results: (tasks, [results[0], replace(results[1], schema_hash="x")]), 6),
        (lambda tasks, results: (tasks, [results[0], results[0]]), 6),
        (lambda tasks, results: (tasks, [*results, replace(results[1], rows=0)]), 6),
    ],
    ids=[
        "task missing", "task and its rows missing", "row missing", "row too many",
        "schemas disagree", "task twice", "result too many",
    ],
)  # fmt: skip
def test_incomplete_work_commits_nothing(lake, work, spoil, rows):
    before = lake.snapshot_id()
    with pytest.raises(TidemarkError, match=r"incomplete: .* Nothing was committed"):
        _append(lake, spoil(*work(range(3), range(3, 6))), rows=rows)
    assert _ids(lake) == []
    assert lake.snapshot_id() == before


def test_no_work_is_no_commit(lake):
    before = lake.snapshot_id()
    assert _append(lake, ([], []), rows=0) == 0
    assert lake.snapshot_id() == before


def test_the_same_work_again_adds_nothing(lake, work):
    assert _append(lake, work(range(5)), rows=5) == 5
    assert _append(lake, work(range(5)), rows=5) == 0
    assert _ids(lake) == list(range(5))


def test_rows_that_another_run_has_committed_are_left_out(lake, work):
    _append(lake, work(range(3)), rows=3, run_id="other")
    assert _append(lake, work(range(5)), rows=5) == 2
    assert _ids(lake) == list(range(5))


def test_a_run_tried_again_with_other_rows_keeps_those_of_its_first_try(lake, work):
    _append(lake, work(range(3)), rows=3)
    # The same run, the same file name, the rows that have come since.
    assert _append(lake, work(range(3, 6)), rows=3) == 3
    assert _ids(lake) == list(range(6))


def test_a_file_that_the_table_cannot_take_commits_nothing(lake, work):
    tasks, results = work(range(3), range(3, 6))
    pq.write_table(pa.table({"id": ["not a number"]}), results[1].files[0])
    with pytest.raises(Exception, match=r"(?i)id"):
        _append(lake, (tasks, results), rows=6)
    assert _ids(lake) == []


@on_folder_and_s3
def test_an_encrypted_lake_keeps_rows_that_no_file_shows(lake_config, work, storage):
    lake = _lake_with_table(lake_config.model_copy(update={"encrypted": True}))
    assert _append(lake, work(range(500), range(500, 1000)), rows=1000) == 1000
    assert _append(lake, work(range(500)), rows=500) == 0
    assert _ids(lake) == list(range(1000))
    files = storage.files("lake")
    assert files
    for file in files:
        content = storage.read(file)
        assert content[:4] != b"PAR1"
        assert b"n500" not in content
        with pytest.raises(OSError, match=r"(?i)encrypt"):
            pq.read_table(pa.BufferReader(content))
    lake.close()


def test_the_files_lie_below_the_lake_in_their_run_s_folder(lake, work, tmp_path):
    _append(lake, work(range(3)), rows=3)
    (file,) = (Path(row[0]) for row in lake.rows(
        "select data_file from ducklake_list_files('lake', 'numbers', schema => 'ml')"
    ))  # fmt: skip
    assert file.parent.parent == tmp_path / "lake" / "ml" / "numbers"
    assert file.parent.name.startswith("run-1-")
