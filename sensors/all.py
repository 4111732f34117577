"""All sensors of the platform, on from the start."""

import dagster as dg

from sensors.alerts import failed_checks_sensor, failed_runs_sensor
from sensors.context import SensorContext
from sensors.freshness import freshness_sensor
from sensors.landed_files import landed_files_sensor
from sensors.landing_queue import landing_queue_sensor
from sensors.retraining import retraining_sensor


def all_sensors(platform: SensorContext) -> list[dg.SensorDefinition]:
    """Landed files, S3's notifications, retraining of each model, and alerts."""
    return [
        landed_files_sensor(platform),
        *([landing_queue_sensor(platform, queue)] if (queue := platform.landing_queue) else []),
        *(retraining_sensor(platform, spec) for spec in platform.specs.values()),
        failed_checks_sensor(platform),
        failed_runs_sensor(platform),
        freshness_sensor(platform),
    ]
