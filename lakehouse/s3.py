"""Access to the lake's and the landing zone's buckets, for boto3 and for programs that use it."""

import json
from datetime import datetime
from functools import cache
from typing import Any

from lakehouse.config import S3Config
from lakehouse.errors import TidemarkError


def s3_client(config: S3Config) -> Any:
    """A boto3 client for the endpoint; without keys it asks the usual AWS credential chain."""
    return aws_client("s3", config, endpoint=config.endpoint)


def aws_client(service: str, config: S3Config, *, endpoint: str | None) -> Any:
    """A boto3 client for a service with the keys, region and certificates of the S3 settings."""
    from botocore.config import Config

    access_key, secret_key = explicit_keys(config) or (None, None)
    return _session().client(
        service,
        endpoint_url=endpoint,
        region_name=config.region,
        config=Config(
            signature_version="s3v4" if service == "s3" else "v4",
            # Small servers answer without the newer checksums (rclone serve s3).
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path" if config.path_style else "auto"},
            # Backs off exponentially with jitter; also where a server answers 500, 503 or slows.
            retries={"mode": "standard", "max_attempts": 5},
            connect_timeout=10,
            read_timeout=60,
        ),
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        verify=None if config.ca_bundle is None else str(config.ca_bundle),
    )


@cache
def _session() -> Any:
    """A boto3 session that reads times fast: they take three quarters of a listing otherwise."""
    import boto3
    from botocore.session import get_session

    session = get_session()
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_time)
    return boto3.Session(botocore_session=session)


def _time(value: Any) -> datetime:
    """A time as S3 writes it in bodies (ISO 8601); botocore's own reading for all others.

    >>> _time("2026-03-01T08:30:00.000Z").isoformat()
    '2026-03-01T08:30:00+00:00'
    >>> _time("Sun, 01 Mar 2026 08:30:00 GMT").isoformat()
    '2026-03-01T08:30:00+00:00'
    """
    from botocore.utils import parse_timestamp

    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        time: datetime = parse_timestamp(value)
        return time


def explicit_keys(config: S3Config) -> tuple[str, str] | None:
    """The keys of the settings; None where the AWS credential chain is to be asked."""
    if config.access_key is None or config.secret_key is None:
        return None
    return config.access_key.get_secret_value(), config.secret_key.get_secret_value()


def upload_arguments(config: S3Config) -> dict[str, str]:
    """boto3's `ExtraArgs` for every upload: the server-side encryption that the settings ask for.

    >>> upload_arguments(S3Config(encryption="aws:kms", kms_key="the-key"))
    {'ServerSideEncryption': 'aws:kms', 'SSEKMSKeyId': 'the-key'}
    """
    arguments = {}
    if config.encryption:
        arguments["ServerSideEncryption"] = str(config.encryption)
    if config.kms_key:
        arguments["SSEKMSKeyId"] = config.kms_key
    return arguments


def aws_environment(config: S3Config) -> dict[str, str]:
    """The environment variables through which MLflow's server gets the same access."""
    variables = {"AWS_DEFAULT_REGION": config.region}
    if config.endpoint:
        variables["MLFLOW_S3_ENDPOINT_URL"] = config.endpoint
    if keys := explicit_keys(config):
        variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"] = keys
    if config.ca_bundle:
        variables["AWS_CA_BUNDLE"] = str(config.ca_bundle)
    if arguments := upload_arguments(config):
        variables["MLFLOW_S3_UPLOAD_EXTRA_ARGS"] = json.dumps(arguments)
    return variables


def split_s3_path(path: str) -> tuple[str, str]:
    """The bucket and the key prefix, without slashes at the ends, of an s3:// path.

    >>> split_s3_path("s3://bucket/some/prefix/")
    ('bucket', 'some/prefix')
    """
    bucket, _, prefix = path.removeprefix("s3://").partition("/")
    if not path.startswith("s3://") or not bucket:
        raise TidemarkError(f"'{path}' is not an S3 path.", hint="Write it as s3://bucket/prefix.")
    return bucket, prefix.strip("/")
