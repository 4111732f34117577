"""Landed files start a run once, and not while one is ingesting."""

from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from sensors.all import all_sensors
from sensors.ingest_decision import Attempts
from sensors.landed_files import landed_files_sensor

pytestmark = pytest.mark.integration


def _look(platform, instance, cursor=None):
    context = dg.build_sensor_context(instance=instance, cursor=cursor)
    return landed_files_sensor(platform)(context)


def _land(platform, name: str = "a.csv") -> Path:
    file = Path(platform.landing) / "reviews" / name
    file.write_text("rating\n5\n")
    return file


def test_an_empty_landing_zone_is_skipped_with_the_reason(platform, instance):
    skipped = _look(platform, instance)
    assert isinstance(skipped, dg.SkipReason)
    assert "No file has landed" in skipped.skip_message


def test_a_new_file_asks_for_one_run_and_is_remembered(platform, instance):
    _land(platform)
    result = _look(platform, instance)
    (request,) = result.run_requests
    attempts = Attempts.loads(result.cursor)
    assert request.run_key == f"ingest:{attempts.batch}:1"
    assert request.asset_selection == list(platform.concerned([]))
    again = _look(platform, instance, result.cursor)
    assert isinstance(again, dg.SkipReason)
    assert "next try at" in again.skip_message
    _land(platform, "b.csv")
    (other,) = _look(platform, instance, result.cursor).run_requests
    assert other.run_key != request.run_key


def test_files_wait_while_a_run_of_the_job_is_not_over(platform, instance):
    _land(platform)
    run = create_run_for_test(
        instance, job_name="ingest_and_score", status=DagsterRunStatus.STARTED
    )
    create_run_for_test(instance, job_name="other", status=DagsterRunStatus.STARTED)
    assert f"Run {run.run_id[:8]} is ingesting" in _look(platform, instance).skip_message


@pytest.mark.parametrize("status", [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE])
def test_a_run_that_is_over_does_not_hold_files_up(platform, instance, status):
    _land(platform)
    create_run_for_test(instance, job_name="ingest_and_score", status=status)
    assert len(_look(platform, instance).run_requests) == 1


def test_a_file_that_the_ledger_holds_is_not_asked_for(platform, instance, lake):
    file = _land(platform)
    version = f"{file.stat().st_size}-{file.stat().st_mtime_ns}"
    with lake.write("ledger") as write:
        write.connection.execute(
            "insert into lake.ops.file_ledger by name select 1 as load_id, 'reviews' as source,"
            " ? as bucket, 'reviews/a.csv' as file, ? as etag, 'h' as content_hash, 1 as bytes,"
            " 1 as lines, 1 as loaded, 0 as rejected, 'loaded' as status, now() as loaded_at,"
            " 1 as snapshot_id",
            [platform.landing, version],
        )
    assert isinstance(_look(platform, instance), dg.SkipReason)
    file.write_text("rating\n5\n4\n")
    assert len(_look(platform, instance).run_requests) == 1


def test_all_sensors_are_on_from_the_start_and_have_their_jobs(platform):
    sensors = {sensor.name: sensor for sensor in all_sensors(platform)}
    assert set(sensors) == {
        "landed_files", "retraining_stars", "alert_on_failed_checks", "alert_on_failed_runs",
        "alert_on_stale_tables",
    }  # fmt: skip
    assert {s.default_status for s in sensors.values()} == {dg.DefaultSensorStatus.RUNNING}
    assert sensors["landed_files"].job_name == "ingest_and_score"
    assert sensors["retraining_stars"].job_name == "retrain_stars"
