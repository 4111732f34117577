"""S3's notifications start the ingest run at once, where the landed-file sensor would look later.

They are a hint, never the truth: what is taken is decided by listing and ledger, as always, so
that a message lost, doubled or late can neither lose nor double a file.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass

import dagster as dg
from dagster._core.storage.tags import RUN_KEY_TAG

from lakehouse.landing.files import LandedFile, list_sources
from lakehouse.landing.ledger import newest_load, pending_files
from lakehouse.landing.notifications import MalformedNotificationError, created_objects
from lakehouse.landing.queue import LandingQueue, QueueMessage
from lakehouse.sources import landing_folders
from sensors.context import SensorContext
from sensors.ingest_decision import first_run_key
from sensors.runs import ingest_request, unfinished_run

_SECONDS = 5
_MOST_PER_TICK = 200
# Long enough for the daemon to create the run that a tick asks for, and for the tick after it.
_HIDDEN_SECONDS = 120


@dataclass(frozen=True)
class Requested:
    """The cursor: the run that was asked for, and the messages that asked for it."""

    run_key: str
    receipts: tuple[str, ...]

    def dumps(self) -> str:
        """The cursor's text."""
        return json.dumps({"run_key": self.run_key, "receipts": self.receipts})

    @classmethod
    def loads(cls, text: str | None) -> "Requested | None":
        """The cursor out of its text."""
        if not text:
            return None
        data = json.loads(text)
        return cls(data["run_key"], tuple(data["receipts"]))


def concerns(key_path: str, landing: str, folders: Collection[str]) -> bool:
    """Whether the object is in a landing folder of a declared source.

    >>> concerns("s3://b/landing/reviews/x.csv", "s3://b/landing", ["reviews"])
    True
    >>> concerns("s3://b/landing/reviews.csv", "s3://b/landing", ["reviews"])
    False
    """
    return any(key_path.startswith(f"{landing}/{folder}/") for folder in folders)


def landing_queue_sensor(platform: SensorContext, url: str) -> dg.SensorDefinition:
    """The sensor over the queue.

    A message is deleted once the run that it asked for is in Dagster's storage, or once it needs
    none; until then it comes back by itself.
    """

    @dg.sensor(
        name="landing_queue",
        job_name=platform.ingest_job,
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Files that S3 tells of through SQS are ingested and scored.",
    )
    def landing_queue(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        queue = LandingQueue(url, platform.s3)
        requested = Requested.loads(context.cursor)
        if requested and run_exists(context.instance, requested.run_key):
            queue.delete(requested.receipts)
        if running := unfinished_run(context.instance, platform.ingest_job):
            # What has come meanwhile waits in the queue for the run's end.
            return _skipped(f"Run {running[:8]} is ingesting; messages wait for its end.")
        messages = queue.receive(_MOST_PER_TICK, hidden_seconds=_HIDDEN_SECONDS)
        understood, useful = _sorted_out(context, messages, platform)
        receipts = tuple(message.receipt for message in understood)
        pending = _pending(platform) if useful else []
        run_key = _run_key(context, platform, pending) if pending else None
        if run_key is None:
            queue.delete(receipts)
            return _skipped(
                f"{len(messages)} messages, of which {useful} tell of files that are new."
                if not useful
                else "The files that S3 tells of are taken, or asked for, already."
            )
        return dg.SensorResult(
            run_requests=[ingest_request(platform, run_key, pending)],
            cursor=Requested(run_key, receipts).dumps(),
        )

    return landing_queue


def run_exists(instance: dg.DagsterInstance, run_key: str) -> bool:
    """Whether a run of this key was created, by whichever sensor, whatever became of it."""
    return bool(instance.get_runs(dg.RunsFilter(tags={RUN_KEY_TAG: run_key}), limit=1))


def _pending(platform: SensorContext) -> list[LandedFile]:
    landed = list_sources(platform.landing, platform.sources.values(), platform.s3)
    return pending_files(platform.open_lake(), landed)


def _run_key(
    context: dg.SensorEvaluationContext, platform: SensorContext, pending: list[LandedFile]
) -> str | None:
    run_key = first_run_key(pending, newest_load=newest_load(platform.open_lake()))
    # Tried already: then the landed-file sensor tries again in its own time.
    return None if run_exists(context.instance, run_key) else run_key


def _sorted_out(
    context: dg.SensorEvaluationContext, messages: list[QueueMessage], platform: SensorContext
) -> tuple[list[QueueMessage], int]:
    """The messages that can be read, and how many of them name files of a source."""
    understood, useful = [], 0
    folders = landing_folders(platform.sources.values())
    for message in messages:
        try:
            created = created_objects(message.body)
        except MalformedNotificationError as error:
            # Left in the queue: its redrive policy moves it to the dead-letter queue.
            context.log.warning(f"Message {message.message_id} is no notification of S3: {error}.")
            continue
        understood.append(message)
        paths = [f"s3://{one.bucket}/{one.key}" for one in created]
        useful += any(concerns(path, platform.landing, folders) for path in paths)
    return understood, useful


def _skipped(reason: str) -> dg.SensorResult:
    return dg.SensorResult(skip_reason=reason, cursor="")
