"""Failed checks and runs become alerts: in the log always, at the webhook if one is set."""

import logging
from dataclasses import asdict, dataclass

import dagster as dg

from sensors.context import SensorContext
from sensors.webhook import post_alert

_log = logging.getLogger(__name__)
_SECONDS = 15
_MOST_PER_TICK = 100


@dataclass(frozen=True)
class Alert:
    """Something that a person should know.

    Attributes:
        kind: `check_failed` or `run_failed`.
        subject: The asset and check, or the job.
        severity: `WARN` or `ERROR`.
        message: What happened, in words.
        run_id: Dagster's run.
    """

    kind: str
    subject: str
    severity: str
    message: str
    run_id: str


def send(alert: Alert, webhook: str | None) -> None:
    """Tells the alert to the log and, if set, to the webhook."""
    _log.warning("ALERT %s %s: %s", alert.kind, alert.subject, alert.message)
    if webhook is not None:
        post_alert(webhook, asdict(alert))


def failed_runs_sensor(platform: SensorContext) -> dg.SensorDefinition:
    """Alerts on each failed run."""

    @dg.run_failure_sensor(
        name="alert_on_failed_runs",
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="A failed run is told to the log and the webhook.",
    )
    def alert_on_failed_runs(context: dg.RunFailureSensorContext) -> None:
        run = context.dagster_run
        send(
            Alert(
                "run_failed", run.job_name, "ERROR", context.failure_event.message or "", run.run_id
            ),
            platform.webhook,
        )

    return alert_on_failed_runs


def failed_checks_sensor(platform: SensorContext) -> dg.SensorDefinition:
    """Alerts on each failed check: a run with a failed warning succeeds, and tells nobody."""

    @dg.sensor(
        name="alert_on_failed_checks",
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="A failed asset check is told to the log and the webhook.",
    )
    def alert_on_failed_checks(
        context: dg.SensorEvaluationContext,
    ) -> dg.SensorResult | dg.SkipReason:
        records = context.instance.event_log_storage.get_event_records(
            dg.EventRecordsFilter(
                event_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION,
                after_cursor=int(context.cursor) if context.cursor else None,
            ),
            limit=_MOST_PER_TICK,
            ascending=True,
        )
        if not records:
            return dg.SkipReason("No check was evaluated since the last look.")
        alerts = [alert for record in records if (alert := _alert_of(record)) is not None]
        for alert in alerts:
            send(alert, platform.webhook)
        reason = f"{len(alerts)} of {len(records)} checks had failed."
        return dg.SensorResult(skip_reason=reason, cursor=str(records[-1].storage_id))

    return alert_on_failed_checks


def _alert_of(record: dg.EventLogRecord) -> Alert | None:
    event = record.event_log_entry.dagster_event
    if event is None:
        return None
    evaluation = event.asset_check_evaluation_data
    if evaluation.passed:
        return None
    return Alert(
        kind="check_failed",
        subject=f"{evaluation.asset_key.to_user_string()}: {evaluation.check_name}",
        severity=evaluation.severity.value,
        message=evaluation.description or "The check did not pass.",
        run_id=record.event_log_entry.run_id,
    )
