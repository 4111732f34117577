"""Runs of `tidemark run` whose process was killed: Dagster would show them as running for ever."""

import os
import socket
from typing import TYPE_CHECKING

from dagster_project.services import process_start

if TYPE_CHECKING:
    import dagster as dg

PROCESS_TAG = "tidemark/process"


def this_process() -> str:
    """Names this process, and no later one that gets its number."""
    return f"{socket.gethostname()} {os.getpid()} {process_start(os.getpid())}"


def dead_runs(instance: "dg.DagsterInstance") -> list["dg.DagsterRun"]:
    """Runs that this host started and whose process is gone."""
    import dagster as dg

    dead = []
    # One that has not started was killed between its first two rows in Dagster's storage.
    unfinished = [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED]
    for run in instance.get_runs(dg.RunsFilter(statuses=unfinished)):
        # Without the tag it is the daemon's, which watches its runs itself.
        host, _, process = run.tags.get(PROCESS_TAG, "").partition(" ")
        if host != socket.gethostname():
            continue
        pid, _, started = process.partition(" ")
        if process_start(int(pid)) != started:
            dead.append(run)
    return dead


def close_dead_runs(instance: "dg.DagsterInstance") -> list[str]:
    """Marks dead runs as failed; returns their ids.

    What they had not committed was never visible, and the run that follows does it anew.
    """
    dead = dead_runs(instance)
    for run in dead:
        instance.report_run_failed(run, "The process of this run was killed.")
    return [run.run_id for run in dead]


def close_restored_runs(instance: "dg.DagsterInstance") -> list[str]:
    """Marks runs as failed that worked when the restored backup was made; returns their ids."""
    import dagster as dg

    working = [
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    ]
    closed = []
    for run in instance.get_runs(dg.RunsFilter(statuses=working)):
        instance.report_run_failed(run, "This run did not come along with the restored backup.")
        closed.append(run.run_id)
    return closed
