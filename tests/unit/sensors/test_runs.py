"""Which run of a job has not ended."""

from types import SimpleNamespace

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from sensors.runs import unfinished_run

_ENDED = (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)


_OPEN = (
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
)


@pytest.mark.parametrize("status", [*_ENDED, *_OPEN])
def test_only_runs_that_ended_are_finished(status):
    with dg.DagsterInstance.ephemeral() as instance:
        run = create_run_for_test(instance, job_name="job", status=status)
        expected = None if status in _ENDED else run.run_id
        assert unfinished_run(instance, "job") == expected
        assert unfinished_run(instance, "other") is None


def test_a_run_that_waits_in_the_queue_has_not_ended():
    # Dagster makes a queued run only out of a loaded code location: the question has to do.
    asked = []
    instance = SimpleNamespace(get_runs=lambda runs_filter, **_: asked.append(runs_filter))
    assert unfinished_run(instance, "job") is None
    assert DagsterRunStatus.QUEUED in asked[0].statuses
    assert asked[0].job_name == "job"
