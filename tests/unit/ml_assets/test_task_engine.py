"""Tasks in worker processes: exact results whatever the order, and whichever worker dies."""

import os
import signal
import time
from pathlib import Path

import pytest

from lakehouse.errors import TidemarkError
from ml_assets.task_engine import LocalEngine, Task, TaskResult

# Worker processes import the functions below by this path, as they do a package's.
_MODULE = "tidemark_tasks_under_test"
_SOURCE = Path(__file__)


@pytest.fixture
def function(tmp_path, monkeypatch):
    """The import path of one of this file's task functions, for this process and its workers."""
    (tmp_path / f"{_MODULE}.py").write_text(_SOURCE.read_text())
    monkeypatch.syspath_prepend(str(tmp_path))
    return lambda name: f"{_MODULE}:{name}"


@pytest.fixture
def tasks(tmp_path):
    return [
        Task(f"{n}", (), {"n": n, "folder": str(tmp_path)}, str(tmp_path / "out")) for n in range(6)
    ]


def square(task: Task) -> TaskResult:
    n = task.parameters["n"]
    return TaskResult(task.task_id, (f"{n}.parquet",), n * n, "schema", {"sum": float(n)})


def square_slowest_first(task: Task) -> TaskResult:
    # The first task waits for all the others' marks, so it cannot be the first to finish.
    folder = Path(task.parameters["folder"])
    if task.parameters["n"] == 0:
        while len(list(folder.glob("done-*"))) < 5:
            time.sleep(0.01)
    else:
        (folder / f"done-{task.task_id}").touch()
    return square(task)


def die_once(task: Task) -> TaskResult:
    mark = Path(task.parameters["folder"]) / "died"
    if task.parameters["n"] == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return square(task)


def die_always(task: Task) -> TaskResult:
    (Path(task.parameters["folder"]) / f"try-{time.time_ns()}").touch()
    os.kill(os.getpid(), signal.SIGKILL)
    return square(task)


def fail_with_hint(task: Task) -> TaskResult:
    raise TidemarkError(f"Task {task.task_id} cannot.", hint="Mend it.")


def fail_first(task: Task) -> TaskResult:
    if task.parameters["n"] == 0:
        raise ZeroDivisionError("the task's own")
    (Path(task.parameters["folder"]) / f"ran-{task.task_id}").touch()
    time.sleep(0.2)
    return square(task)


def _by_id(results):
    return {result.task_id: (result.rows, dict(result.statistics)) for result in results}


@pytest.mark.parametrize("workers", [1, 2])
def test_each_task_has_its_result(function, tasks, workers):
    results = list(LocalEngine(workers).map(function("square"), tasks))
    assert len(results) == 6
    assert _by_id(results) == {str(n): (n * n, {"sum": float(n)}) for n in range(6)}


def test_results_come_as_they_finish_and_are_the_same_in_any_order(function, tasks):
    results = list(LocalEngine(2).map(function("square_slowest_first"), tasks))
    assert results[0].task_id != "0"
    assert _by_id(results) == _by_id(LocalEngine(1).map(function("square"), reversed(tasks)))


@pytest.mark.parametrize("workers", [1, 2])
def test_no_tasks_have_no_results(function, workers):
    assert list(LocalEngine(workers).map(function("square"), [])) == []


def test_a_worker_that_is_killed_is_replaced_and_no_result_is_lost_or_doubled(
    function, tasks, tmp_path, caplog
):
    results = list(LocalEngine(2).map(function("die_once"), tasks))
    assert (tmp_path / "died").exists()
    assert sorted(result.task_id for result in results) == list("012345")
    assert _by_id(results) == _by_id(LocalEngine(1).map(function("square"), tasks))
    assert "A worker died" in caplog.text


def test_tasks_that_always_die_end_in_an_error_that_says_so(function, tasks, tmp_path):
    with pytest.raises(TidemarkError, match=r"2 of 2 tasks .* died 2 times") as raised:
        list(LocalEngine(2).map(function("die_always"), tasks[:2], retries=1))
    assert "TIDEMARK_WORKERS" in raised.value.hint
    assert len(list(tmp_path.glob("try-*"))) >= 2


@pytest.mark.parametrize("workers", [1, 2])
def test_a_task_s_error_arrives_as_itself_with_its_hint(function, tasks, workers):
    with pytest.raises(TidemarkError, match=r"Task \d cannot") as raised:
        list(LocalEngine(workers).map(function("fail_with_hint"), tasks))
    assert raised.value.hint == "Mend it."


def test_after_an_error_no_further_task_is_started(function, tasks, tmp_path):
    with pytest.raises(ZeroDivisionError, match="the task's own"):
        list(LocalEngine(2).map(function("fail_first"), [*tasks, *_more(tasks)]))
    assert len(list(tmp_path.glob("ran-*"))) < 40


def _more(tasks: list[Task]) -> list[Task]:
    return [
        Task(f"more-{n}", (), {**tasks[0].parameters, "n": n}, tasks[0].output_prefix)
        for n in range(1, 41)
    ]


def test_a_function_that_is_not_there_is_an_error(tasks):
    with pytest.raises(AttributeError, match="no_such_function"):
        list(LocalEngine(1).map("ml_assets.task_engine:no_such_function", tasks))
