"""Which run of a job has not ended."""

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from sensors.runs import unfinished_run

_ENDED = {DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED}


@pytest.mark.parametrize("status", [s for s in DagsterRunStatus if s != DagsterRunStatus.MANAGED])
def test_only_runs_that_ended_are_finished(status):
    with dg.DagsterInstance.ephemeral() as instance:
        run = create_run_for_test(instance, job_name="job", status=status)
        expected = None if status in _ENDED else run.run_id
        assert unfinished_run(instance, "job") == expected
        assert unfinished_run(instance, "other") is None
