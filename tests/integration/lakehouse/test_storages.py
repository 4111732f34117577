"""The S3 servers can do what they are taken for, and cannot do what their exceptions say."""

from collections.abc import Callable

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from lakehouse.s3 import split_s3_path
from tests.storage import CANNOT, Storage, on_every_s3

pytestmark = pytest.mark.integration


def _refused(request: Callable[..., object], **arguments: object) -> bool:
    try:
        request(**arguments)
    except ClientError as error:
        return int(error.response["ResponseMetadata"]["HTTPStatusCode"]) == 412
    return False


def _checks_if_match(storage: Storage, bucket: str) -> bool:
    wrong = '"00000000000000000000000000000000"'
    return _refused(storage.client.get_object, Bucket=bucket, Key="x", IfMatch=wrong)


def _checks_if_none_match(storage: Storage, bucket: str) -> bool:
    put = storage.client.put_object
    return _refused(put, Bucket=bucket, Key="x", Body=b"2", IfNoneMatch="*")


def _keeps_a_key_below_another(storage: Storage, bucket: str) -> bool:
    # Without retries: a server that answers 500 does so each time.
    client = boto3.client(
        "s3",
        endpoint_url=storage.s3.endpoint,
        region_name=storage.s3.region,
        aws_access_key_id="key",
        aws_secret_access_key="secret",  # noqa: S106 - the test servers'
        config=Config(retries={"total_max_attempts": 1}),
    )
    try:
        client.put_object(Bucket=bucket, Key="x/y", Body=b"3")
    except ClientError:
        return False
    return storage.files("x") == ["x/y"] and storage.read("x") == b"1"


@on_every_s3
@pytest.mark.parametrize(
    ("ability", "shown"),
    [
        ("check If-Match", _checks_if_match),
        ("check If-None-Match", _checks_if_none_match),
        ("keep a key below another key", _keeps_a_key_below_another),
    ],
)
def test_a_server_can_do_it_unless_it_is_an_exception(storage, ability, shown):
    bucket, _ = split_s3_path(storage.root)
    storage.put("x", b"1")
    assert shown(storage, bucket) == (ability not in CANNOT[storage.name])


@on_every_s3
def test_a_wrong_secret_is_refused(storage):
    wrong = storage.s3.model_copy(update={"secret_key": storage.s3.access_key})
    intruder = Storage(storage.name, storage.root, wrong)
    with pytest.raises(ClientError, match=r"(?i)signature"):
        intruder.put("x", b"1")
