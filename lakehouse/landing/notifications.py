"""What S3's event notifications say: which objects have come."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus


@dataclass(frozen=True)
class CreatedObject:
    """An object that a notification tells of."""

    bucket: str
    key: str


class MalformedNotificationError(ValueError):
    """A message that is no notification of S3's."""


def created_objects(body: str) -> list[CreatedObject]:
    """The objects that a message tells of; none for test events and deletions.

    Understood are S3's own shape, directly or in an envelope of SNS, and EventBridge's.

    Raises:
        MalformedNotificationError: It has none of these shapes.

    >>> created_objects('{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}')
    []
    >>> created_objects('{"Records": [{"eventName": "ObjectCreated:Put",'
    ...     ' "s3": {"bucket": {"name": "b"}, "object": {"key": "a+b%3D1.csv"}}}]}')
    [CreatedObject(bucket='b', key='a b=1.csv')]
    """
    message = _object(body)
    if message.get("Type") == "Notification":
        message = _object(message.get("Message"))
    try:
        if message.get("Event") == "s3:TestEvent":
            return []
        if message.get("source") == "aws.s3":
            return _of_event_bridge(message)
        if isinstance(message.get("Records"), list):
            return [found for record in message["Records"] for found in _of_record(record)]
    except (KeyError, TypeError, AttributeError) as error:
        raise MalformedNotificationError(f"it lacks {error}") from error
    raise MalformedNotificationError("it is neither S3's nor EventBridge's")


def _object(text: Any) -> dict[str, Any]:
    try:
        message = json.loads(text)
    except (TypeError, ValueError) as error:
        raise MalformedNotificationError("it is not JSON") from error
    if not isinstance(message, dict):
        raise MalformedNotificationError("it is not a JSON object")
    return message


def _of_record(record: dict[str, Any]) -> list[CreatedObject]:
    # AWS writes `ObjectCreated:Put`, Ceph `s3:ObjectCreated:Put`.
    if not record["eventName"].removeprefix("s3:").startswith("ObjectCreated:"):
        return []
    # Keys are quoted as in a form here, and not in EventBridge's events.
    key = unquote_plus(record["s3"]["object"]["key"])
    return [CreatedObject(str(record["s3"]["bucket"]["name"]), key)]


def _of_event_bridge(event: dict[str, Any]) -> list[CreatedObject]:
    if event["detail-type"] != "Object Created":
        return []
    detail = event["detail"]
    return [CreatedObject(str(detail["bucket"]["name"]), str(detail["object"]["key"]))]
