"""Landed files start a run that loads, cleans, scores and monitors them."""

from datetime import UTC, datetime

import dagster as dg

from lakehouse.landing.files import list_sources
from lakehouse.landing.ledger import newest_load, pending_files
from sensors.context import SensorContext
from sensors.ingest_decision import Attempts, decide_ingest
from sensors.runs import ingest_request, unfinished_run

_SECONDS = 10


def landed_files_sensor(platform: SensorContext) -> dg.SensorDefinition:
    """The sensor over all sources' folders in the landing zone.

    What is new is what the ledger does not hold, so a restart, a re-upload or a clock that jumps
    can neither lose nor double a file.
    """

    @dg.sensor(
        name="landed_files",
        job_name=platform.ingest_job,
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="New or changed files in the landing zone are ingested and scored.",
    )
    def landed_files(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        lake = platform.open_lake()
        landed = list_sources(platform.landing, platform.sources.values(), platform.s3)
        pending = pending_files(lake, landed)
        decision = decide_ingest(
            pending,
            Attempts.loads(context.cursor),
            newest_load=newest_load(lake),
            running=unfinished_run(context.instance, platform.ingest_job),
            now=datetime.now(UTC),
        )
        if decision.run_key is None:
            return dg.SkipReason(decision.reason)
        context.log.info(f"{len(pending)} files have landed, the first is {pending[0].key}")
        return dg.SensorResult(
            run_requests=[ingest_request(platform, decision.run_key, pending)],
            cursor=decision.attempts.dumps(),
        )

    return landed_files
