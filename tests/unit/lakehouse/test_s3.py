"""S3 paths and clients."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from lakehouse.config import S3Config
from lakehouse.errors import TidemarkError
from lakehouse.s3 import aws_environment, s3_client, split_s3_path

_NAME = st.text("abcdefghij0123456789-.", min_size=1, max_size=20)


@given(_NAME, st.lists(_NAME, max_size=4))
def test_a_path_splits_into_what_it_was_made_of(bucket, parts):
    prefix = "/".join(parts)
    assert split_s3_path(f"s3://{bucket}/{prefix}/") == (bucket, prefix)


def test_a_bare_bucket_has_an_empty_prefix():
    assert split_s3_path("s3://bucket") == ("bucket", "")


@pytest.mark.parametrize("path", ["", "bucket/prefix", "/tmp/x", "s3://", "s3:///prefix", "S3://b"])  # noqa: S108
def test_what_is_no_s3_path_is_refused(path):
    with pytest.raises(TidemarkError, match="is not an S3 path") as raised:
        split_s3_path(path)
    assert "s3://bucket/prefix" in raised.value.hint


def test_a_client_has_the_settings_keys_region_and_style():
    config = S3Config(
        endpoint="http://127.0.0.1:9", region="eu-x", access_key=SecretStr("k"),
        secret_key=SecretStr("s"),
    )  # fmt: skip
    client = s3_client(config)
    assert client.meta.endpoint_url == "http://127.0.0.1:9"
    assert client.meta.region_name == "eu-x"
    assert client.meta.config.s3 == {"addressing_style": "path"}
    credentials = client._request_signer._credentials
    assert (credentials.access_key, credentials.secret_key) == ("k", "s")


def test_without_keys_the_usual_chain_is_asked(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of the chain")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    client = s3_client(S3Config(path_style=False))
    assert client._request_signer._credentials.access_key == "of the chain"
    assert client.meta.config.s3 == {"addressing_style": "auto"}


def test_programs_get_the_same_access_by_their_environment():
    config = S3Config(
        endpoint="https://s3.example", access_key=SecretStr("k"), secret_key=SecretStr("s"),
        ca_bundle=Path("/ca.pem"), encryption="aws:kms", kms_key="the-key",
    )  # fmt: skip
    assert aws_environment(config) == {
        "AWS_DEFAULT_REGION": "us-east-1",
        "MLFLOW_S3_ENDPOINT_URL": "https://s3.example",
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_CA_BUNDLE": "/ca.pem",
        "MLFLOW_S3_UPLOAD_EXTRA_ARGS": (
            '{"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "the-key"}'
        ),
    }
    assert aws_environment(S3Config()) == {"AWS_DEFAULT_REGION": "us-east-1"}
