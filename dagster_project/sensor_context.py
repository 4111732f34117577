"""What the sensors are handed down of the platform."""

from collections.abc import Sequence

import dagster as dg

from dagster_project.job_names import INGEST_JOB, retrain_job_name
from dagster_project.jobs import step_keys
from dagster_project.plan import plan_run
from dagster_project.platform import Platform
from dagster_project.state import read_state
from lakehouse.landing.files import LandedFile
from sensors.context import SensorContext


def sensor_context(platform: Platform) -> SensorContext:
    """What the sensors need."""
    settings = platform.settings
    return SensorContext(
        open_lake=platform.lake,
        landing=settings.landing_path,
        s3=settings.s3_access,
        landing_queue=settings.landing_queue,
        sources=platform.sources,
        specs=platform.good_specs,
        extractions=platform.extractions,
        features_versions=platform.runtime.features_versions,
        ingest_job=INGEST_JOB,
        concerned=lambda files: _concerned(platform, files),
        retrain_job=retrain_job_name,
        webhook=settings.alert_webhook.get_secret_value() if settings.alert_webhook else None,
    )


def _concerned(platform: Platform, files: Sequence[LandedFile]) -> list[dg.AssetKey]:
    """What `tidemark run` would do now, but for trainings: for these the retraining sensors ask."""
    steps = plan_run(read_state(platform, files=files))
    return step_keys(platform, [step for step in steps if step.action != "train"])
