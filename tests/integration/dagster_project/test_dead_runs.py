"""A killed `tidemark run` neither stays running in Dagster nor blocks the next one."""

import socket
import subprocess
import sys

import dagster as dg
import pytest

from dagster_project.dead_runs import PROCESS_TAG, close_dead_runs, this_process
from dagster_project.services import process_start

pytestmark = pytest.mark.filterwarnings("ignore")


@dg.op
def nothing() -> None:
    """Does nothing."""


@dg.job
def one_step() -> None:
    nothing()


def _started(instance: dg.DagsterInstance, tags: dict[str, str]) -> str:
    run = instance.create_run_for_job(one_step, tags=tags)
    instance.report_engine_event("starting", run)
    instance.handle_new_event(
        dg._core.events.log.EventLogEntry(
            error_info=None, user_message="", level="debug", run_id=run.run_id, timestamp=0.0,
            job_name=run.job_name,
            dagster_event=dg.DagsterEvent(
                event_type_value=dg.DagsterEventType.RUN_START.value, job_name=run.job_name
            ),
        )
    )  # fmt: skip
    return run.run_id


def test_a_run_whose_process_is_gone_is_closed_and_others_are_left_alone():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    killed_tag = f"{socket.gethostname()} {process.pid} {process_start(process.pid)}"
    process.kill()
    process.wait()
    with dg.DagsterInstance.ephemeral() as instance:
        killed = _started(instance, {PROCESS_TAG: killed_tag})
        early = instance.create_run_for_job(one_step, tags={PROCESS_TAG: killed_tag}).run_id
        alive = _started(instance, {PROCESS_TAG: this_process()})
        daemons = _started(instance, {})
        elsewhere = _started(instance, {PROCESS_TAG: f"other-host {process.pid} 1.0"})
        assert set(close_dead_runs(instance)) == {killed, early}
        for run_id in (killed, early):
            assert instance.get_run_by_id(run_id).status == dg.DagsterRunStatus.FAILURE
        for run_id in (alive, daemons, elsewhere):
            assert instance.get_run_by_id(run_id).status == dg.DagsterRunStatus.STARTED
        assert close_dead_runs(instance) == []
