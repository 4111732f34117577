"""What counts as a notification of S3."""

import json

import pytest

from lakehouse.landing.notifications import (
    CreatedObject,
    MalformedNotificationError,
    created_objects,
)


def _record(key: str, event: str = "ObjectCreated:CompleteMultipartUpload") -> dict:
    return {"eventName": event, "s3": {"bucket": {"name": "b"}, "object": {"key": key}}}


def test_a_message_may_tell_of_several_objects_and_of_ceph_s():
    body = {"Records": [_record("a"), _record("b", "s3:ObjectCreated:Put"), _record("c", "x")]}
    assert created_objects(json.dumps(body)) == [CreatedObject("b", "a"), CreatedObject("b", "b")]


def test_event_bridge_writes_keys_as_they_are():
    detail = {"bucket": {"name": "b"}, "object": {"key": "a+b%20.csv"}}
    event = {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}
    assert created_objects(json.dumps(event)) == [CreatedObject("b", "a+b%20.csv")]
    assert created_objects(json.dumps(event | {"detail-type": "Object Deleted"})) == []


def test_a_test_event_may_come_through_sns():
    body = {"Type": "Notification", "Message": '{"Event": "s3:TestEvent"}'}
    assert created_objects(json.dumps(body)) == []


@pytest.mark.parametrize(
    "body",
    [
        "", "null", "3", "[]", "{}", '{"Records": 1}', '{"Records": [1]}', '{"Records": [{}]}',
        '{"Type": "Notification"}', '{"Type": "Notification", "Message": "x"}',
        '{"source": "aws.s3"}', '{"source": "aws.s3", "detail-type": "Object Created"}',
        '{"Records": [{"eventName": "ObjectCreated:Put", "s3": {"object": {"key": null}}}]}',
        '{"Records": [{"eventName": 3}]}',
    ],
)  # fmt: skip
def test_anything_else_is_malformed(body):
    with pytest.raises(MalformedNotificationError):
        created_objects(body)
