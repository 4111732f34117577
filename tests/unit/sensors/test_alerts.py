"""Failed checks and runs are told once each, to the log and the webhook."""

from types import SimpleNamespace

import dagster as dg
import pytest

from sensors import alerts
from sensors.alerts import Alert, failed_checks_sensor, failed_runs_sensor, send

# Dagster's other calls give checks one by one of each asset, not all since a cursor.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*ASSET_CHECK_EVALUATION:DeprecationWarning",
    "ignore:.*get_event_records:DeprecationWarning",
)
PLATFORM = SimpleNamespace(webhook="http://hook")


@dg.asset(
    check_specs=[
        dg.AssetCheckSpec("good", asset="table"),
        dg.AssetCheckSpec("bad", asset="table"),
        dg.AssetCheckSpec("silent", asset="table"),
    ]
)
def table():
    yield dg.MaterializeResult(
        check_results=[
            dg.AssetCheckResult(passed=True, check_name="good"),
            dg.AssetCheckResult(
                passed=False,
                check_name="bad",
                severity=dg.AssetCheckSeverity.WARN,
                description="3 rows are lost",
            ),
            dg.AssetCheckResult(passed=False, check_name="silent"),
        ]
    )


@dg.asset
def broken():
    raise ValueError("boom")


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def posted(monkeypatch):
    posted = []
    monkeypatch.setattr(alerts, "post_alert", lambda url, alert: posted.append((url, alert)))
    return posted


def _look(instance, cursor=None):
    context = dg.build_sensor_context(instance=instance, cursor=cursor)
    return failed_checks_sensor(PLATFORM)(context)


def test_without_a_check_there_is_nothing_to_tell(instance, posted):
    assert "No check was evaluated" in _look(instance).skip_message
    assert posted == []


def test_failed_checks_are_told_with_their_severity_and_passed_ones_not(instance, posted):
    run = dg.materialize([table], instance=instance, raise_on_error=False)
    result = _look(instance)
    assert "2 of 3 checks had failed" in result.skip_reason.skip_message
    assert {url for url, _ in posted} == {"http://hook"}
    told = {alert["subject"]: alert for _, alert in posted}
    assert told == {
        "table: bad": {
            "kind": "check_failed", "subject": "table: bad", "severity": "WARN",
            "message": "3 rows are lost", "run_id": run.run_id,
        },
        "table: silent": {
            "kind": "check_failed", "subject": "table: silent", "severity": "ERROR",
            "message": "The check did not pass.", "run_id": run.run_id,
        },
    }  # fmt: skip


def test_each_check_is_told_once(instance, posted):
    dg.materialize([table], instance=instance, raise_on_error=False)
    cursor = _look(instance).cursor
    posted.clear()
    assert isinstance(_look(instance, cursor), dg.SkipReason)
    assert posted == []
    dg.materialize([table], instance=instance, raise_on_error=False)
    _look(instance, cursor)
    assert len(posted) == 2


def test_a_tick_takes_so_many_checks_and_the_next_one_goes_on(instance, posted, monkeypatch):
    monkeypatch.setattr(alerts, "_MOST_PER_TICK", 2)
    dg.materialize([table], instance=instance, raise_on_error=False)
    cursor = _look(instance).cursor
    assert len(posted) == 1
    _look(instance, cursor)
    assert len(posted) == 2


def test_a_failed_run_is_told_with_its_job(instance, posted):
    job = dg.define_asset_job("load", selection="*")
    definitions = dg.Definitions([broken], jobs=[job])
    result = definitions.resolve_job_def("load").execute_in_process(
        instance=instance, raise_on_error=False
    )
    context = dg.build_run_status_sensor_context(
        sensor_name="alert_on_failed_runs",
        dagster_instance=instance,
        dagster_run=result.dagster_run,
        dagster_event=result.get_run_failure_event(),
    ).for_run_failure()
    failed_runs_sensor(PLATFORM)(context)
    ((url, alert),) = posted
    assert url == "http://hook"
    assert (alert["kind"], alert["subject"], alert["severity"]) == ("run_failed", "load", "ERROR")
    assert alert["run_id"] == result.run_id
    assert "broken" in alert["message"]


def test_without_a_webhook_the_log_alone_has_it(posted, caplog):
    send(Alert("run_failed", "load", "ERROR", "boom", "run-1"), None)
    assert posted == []
    assert "ALERT run_failed load: boom" in caplog.text
