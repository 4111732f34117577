"""S3's notifications ask for the same ingest run, and stay in the queue until it is durable."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.storage.tags import RUN_KEY_TAG
from dagster._core.test_utils import create_run_for_test
from pydantic import SecretStr

from lakehouse.config import LakeConfig, S3Config
from lakehouse.errors import TidemarkError
from lakehouse.s3 import aws_client, s3_client
from sensors.all import all_sensors
from sensors.context import SensorContext
from sensors.landed_files import landed_files_sensor
from sensors.landing_queue import landing_queue_sensor
from tests.servers.listening import free_port

pytestmark = [
    pytest.mark.integration,
    # The stand-in's own use of its web server.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
BUCKET = "zone"


@pytest.fixture(scope="module")
def aws():
    """S3 and SQS of a stand-in."""
    from moto.server import ThreadedMotoServer

    port = free_port()
    server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
    server.start()
    s3 = S3Config(
        endpoint=f"http://127.0.0.1:{port}",
        access_key=SecretStr("key"),
        secret_key=SecretStr("secret"),
    )
    s3_client(s3).create_bucket(Bucket=BUCKET)
    yield s3
    server.stop()


@pytest.fixture
def lake_config(lake_config: LakeConfig, aws: S3Config) -> LakeConfig:
    return lake_config.model_copy(update={"s3": aws})


class Queue:
    """An SQS queue with a dead-letter queue behind it."""

    def __init__(self, aws: S3Config, name: str) -> None:
        self._client: Any = aws_client("sqs", aws, endpoint=aws.endpoint)
        self.dead = self._client.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
        arn = self._client.get_queue_attributes(QueueUrl=self.dead, AttributeNames=["QueueArn"])
        redrive = {
            "deadLetterTargetArn": arn["Attributes"]["QueueArn"],
            "maxReceiveCount": "2",
        }
        self.url = self._client.create_queue(
            QueueName=name, Attributes={"RedrivePolicy": json.dumps(redrive)}
        )["QueueUrl"]

    def send(self, body: object) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        self._client.send_message(QueueUrl=self.url, MessageBody=text)

    def count(self, url: str | None = None) -> int:
        """Messages in the queue, those hidden for now included."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._client.get_queue_attributes(QueueUrl=url or self.url, AttributeNames=names)
        return sum(int(value) for value in found["Attributes"].values())

    def show_hidden(self, receipts: list[str]) -> None:
        """Makes received messages visible again, as time would."""
        for receipt in receipts:
            self._client.change_message_visibility(
                QueueUrl=self.url, ReceiptHandle=receipt, VisibilityTimeout=0
            )


@pytest.fixture
def queue(aws: S3Config, request: pytest.FixtureRequest) -> Queue:
    return Queue(aws, f"q{abs(hash(request.node.name))}")


@pytest.fixture
def on_s3(platform: SensorContext, aws: S3Config, request: pytest.FixtureRequest) -> SensorContext:
    """The platform with a landing zone of the test's own on S3."""
    prefix = f"zone-{abs(hash(request.node.name))}"
    return replace(platform, landing=f"s3://{BUCKET}/{prefix}", s3=aws)


@pytest.fixture
def land(on_s3: SensorContext, aws: S3Config) -> Callable[[str], str]:
    """Puts a file into the zone; its whole key."""

    def put(key: str) -> str:
        whole = f"{on_s3.landing.removeprefix(f's3://{BUCKET}/')}/{key}"
        s3_client(aws).put_object(Bucket=BUCKET, Key=whole, Body=b"id\n1\n")
        return whole

    return put


def _look(platform, instance, queue: Queue, cursor: str | None = None) -> dg.SensorResult:
    context = dg.build_sensor_context(instance=instance, cursor=cursor)
    return landing_queue_sensor(platform, queue.url)(context)


def _created(key: str, event: str = "ObjectCreated:Put") -> dict:
    from urllib.parse import quote_plus

    record = {
        "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": event,
        "s3": {"bucket": {"name": BUCKET}, "object": {"key": quote_plus(key), "size": 5}},
    }  # fmt: skip
    return {"Records": [record]}


def _by_sns(key: str) -> dict:
    return {"Type": "Notification", "MessageId": "1", "Message": json.dumps(_created(key))}


def _by_event_bridge(key: str) -> dict:
    detail = {"bucket": {"name": BUCKET}, "object": {"key": key, "size": 5}}
    return {"version": "0", "source": "aws.s3", "detail-type": "Object Created", "detail": detail}


@pytest.mark.parametrize("shape", [_created, _by_sns, _by_event_bridge])
def test_a_notification_asks_for_the_run_that_the_listing_would_ask_for(
    on_s3, instance, queue, land, shape
):
    queue.send(shape(land("reviews/año=2026/100% a+b.csv")))
    result = _look(on_s3, instance, queue)
    (request,) = result.run_requests
    listed = landed_files_sensor(on_s3)(dg.build_sensor_context(instance=instance))
    assert request.run_key == listed.run_requests[0].run_key
    # The run is not in storage yet: nobody may forget the message.
    assert queue.count() == 1


def test_messages_are_deleted_once_the_run_is_durable(on_s3, instance, queue, land):
    queue.send(_created(land("reviews/a.csv")))
    queue.send(_created(land("reviews/b.csv")))
    result = _look(on_s3, instance, queue)
    (request,) = result.run_requests
    create_run_for_test(
        instance, job_name="ingest_and_score", tags={RUN_KEY_TAG: request.run_key},
        status=DagsterRunStatus.STARTED,
    )  # fmt: skip
    assert queue.count() == 2
    after = _look(on_s3, instance, queue, result.cursor)
    assert "is ingesting" in after.skip_reason.skip_message
    assert queue.count() == 0


def test_a_daemon_that_dies_before_the_run_is_made_asks_again(on_s3, instance, queue, land):
    queue.send(_created(land("reviews/a.csv")))
    first = _look(on_s3, instance, queue)
    nothing = _look(on_s3, instance, queue, first.cursor)
    assert not nothing.run_requests
    assert queue.count() == 1
    queue.show_hidden(json.loads(first.cursor)["receipts"])
    again = _look(on_s3, instance, queue)
    assert again.run_requests[0].run_key == first.run_requests[0].run_key


def test_a_batch_that_was_asked_for_already_is_not_asked_for_again(on_s3, instance, queue, land):
    key = land("reviews/a.csv")
    listed = landed_files_sensor(on_s3)(dg.build_sensor_context(instance=instance))
    create_run_for_test(
        instance, job_name="ingest_and_score", status=DagsterRunStatus.FAILURE,
        tags={RUN_KEY_TAG: listed.run_requests[0].run_key},
    )  # fmt: skip
    queue.send(_created(key))
    assert not _look(on_s3, instance, queue).run_requests
    assert queue.count() == 0


def test_what_needs_no_run_is_deleted(on_s3, instance, queue, land):
    land("reviews/new.csv")
    queue.send({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET})
    queue.send(_created(land("elsewhere/a.csv")))
    queue.send(_created(land("reviews/a.csv"), event="ObjectRemoved:Delete"))
    queue.send(_created("reviews/outside-the-zone.csv"))
    result = _look(on_s3, instance, queue)
    assert not result.run_requests
    assert "of which 0 tell" in result.skip_reason.skip_message
    assert queue.count() == 0


def test_messages_of_another_kind_are_left_for_the_dead_letter_queue(on_s3, instance, queue, land):
    malformed = ["not json", "[]", '{"Records": [{}]}', '{"Type": "x"}', "null"]
    for body in malformed:
        queue.send(body)
    queue.send(_created(land("reviews/a.csv")))
    # They stand in no one's way, and are not deleted with the good one.
    result = _look(on_s3, instance, queue)
    assert len(result.run_requests) == 1
    create_run_for_test(
        instance, job_name="ingest_and_score", status=DagsterRunStatus.SUCCESS,
        tags={RUN_KEY_TAG: result.run_requests[0].run_key},
    )  # fmt: skip
    _look(on_s3, instance, queue, result.cursor)
    assert queue.count() == len(malformed)


def test_while_a_run_ingests_messages_wait_unread(on_s3, instance, queue, land):
    create_run_for_test(instance, job_name="ingest_and_score", status=DagsterRunStatus.STARTED)
    queue.send(_created(land("reviews/a.csv")))
    assert not _look(on_s3, instance, queue).run_requests
    assert queue._client.receive_message(QueueUrl=queue.url)["Messages"]


def test_a_queue_that_is_not_there_is_explained(on_s3, instance, queue):
    queue.url += "-missing"
    with pytest.raises(TidemarkError, match="SQS refused") as raised:
        _look(on_s3, instance, queue)
    assert "TIDEMARK_LANDING_QUEUE" in raised.value.hint


def test_the_sensor_is_there_only_where_a_queue_is_set(platform, queue):
    names = {sensor.name for sensor in all_sensors(platform)}
    with_queue = {sensor.name for sensor in all_sensors(replace(platform, landing_queue=queue.url))}
    assert with_queue - names == {"landing_queue"}
