"""Runs that sensors ask for, and what the instance says of those that were."""

from collections.abc import Sequence

import dagster as dg

from lakehouse.landing.files import LandedFile
from sensors.context import SensorContext

_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def unfinished_run(instance: dg.DagsterInstance, job: str) -> str | None:
    """The id of a run of the job that has not ended, or None."""
    runs = instance.get_runs(dg.RunsFilter(job_name=job, statuses=_UNFINISHED), limit=1)
    return runs[0].run_id if runs else None


def ingest_request(
    platform: SensorContext, run_key: str, pending: Sequence[LandedFile]
) -> dg.RunRequest:
    """Asks for a run of the ingest job over what is concerned, not over every source and model."""
    return dg.RunRequest(run_key=run_key, asset_selection=list(platform.concerned(pending)))
