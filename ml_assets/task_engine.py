"""The seam for running the same work on one machine or many: tasks out, results back.

A task carries URIs, hashes, columns and numbers; a result carries URIs, counts and mergeable
statistics. No frame, connection or secret crosses it.
"""

import importlib
import logging
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Any, Protocol

from lakehouse.errors import TidemarkError

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """One unit of work.

    Attributes:
        task_id: Unique in its run; names the output.
        input_files: Parquet files, written once and never changed.
        parameters: Plain values (JSON types) that the function needs.
        output_prefix: Where the result's files go.
    """

    task_id: str
    input_files: tuple[str, ...]
    parameters: Mapping[str, Any]
    output_prefix: str


@dataclass(frozen=True)
class TaskResult:
    """What a task made.

    Attributes:
        task_id: The task's.
        files: Parquet files written.
        rows: Rows in them.
        schema_hash: SHA-256 of their Arrow schema: all results of a run must agree.
        statistics: Sums and counts that add up over tasks.
    """

    task_id: str
    files: tuple[str, ...]
    rows: int
    schema_hash: str
    statistics: Mapping[str, float] = field(default_factory=dict)


class TaskEngine(Protocol):
    """Runs a function over tasks, wherever."""

    def map(
        self, function: str, tasks: Sequence[Task], *, retries: int = 2
    ) -> Iterator[TaskResult]:
        """The result of each task, in the order in which they finish.

        Args:
            function: Import path `package.module:function` of a `(Task) -> TaskResult`.
            tasks: The work.
            retries: How often a task is run again after its worker died.
        """
        ...


@dataclass(frozen=True)
class LocalEngine:
    """Tasks on this machine: in the process itself, or in spawned worker processes.

    Attributes:
        workers: Processes; 1 runs the tasks in this process, which for few rows is faster than
            starting workers (each imports its libraries: about 2 s).
    """

    workers: int = 1

    def map(
        self, function: str, tasks: Sequence[Task], *, retries: int = 2
    ) -> Iterator[TaskResult]:
        """The result of each task, in the order in which they finish."""
        if self.workers == 1 or len(tasks) <= 1:
            run = _imported(function)
            yield from (run(task) for task in tasks)
            return
        yield from self._in_processes(function, tasks, retries=retries)

    def _in_processes(
        self, function: str, tasks: Sequence[Task], *, retries: int
    ) -> Iterator[TaskResult]:
        waiting = {task.task_id: task for task in tasks}
        for attempt in range(retries + 1):
            context = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(min(self.workers, len(waiting)), context) as pool:
                futures = [pool.submit(_run, function, task) for task in waiting.values()]
                try:
                    for future in as_completed(futures):
                        result = future.result()
                        del waiting[result.task_id]
                        yield result
                except BrokenProcessPool:
                    # A worker was killed; what it and its siblings had not returned runs again.
                    _log.warning(
                        "A worker died; %d of %d tasks run again (attempt %d of %d).",
                        len(waiting), len(tasks), attempt + 1, retries,
                    )  # fmt: skip
                except BaseException:
                    # What has not started would only delay the news.
                    pool.shutdown(cancel_futures=True)
                    raise
            if not waiting:
                return
        raise TidemarkError(
            f"{len(waiting)} of {len(tasks)} tasks did not finish: their worker processes died"
            f" {retries + 1} times.",
            hint="Probably out of memory: lower TIDEMARK_WORKERS or the spec's"
            " scoring.rows_per_task. Nothing was committed.",
        )


def _run(function: str, task: Task) -> TaskResult:
    return _imported(function)(task)


def _imported(path: str) -> Callable[[Task], TaskResult]:
    module, _, name = path.partition(":")
    function: Callable[[Task], TaskResult] = getattr(importlib.import_module(module), name)
    return function
