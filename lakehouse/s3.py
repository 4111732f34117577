"""The boto3 client for the lake's and the landing zone's buckets."""

from typing import Any

from lakehouse.config import S3Config
from lakehouse.errors import TidemarkError


def s3_client(config: S3Config) -> Any:
    """A boto3 client for the endpoint; without keys it asks the usual AWS credential chain."""
    import boto3
    from botocore.config import Config

    keys = {}
    if config.access_key and config.secret_key:
        keys = {
            "aws_access_key_id": config.access_key.get_secret_value(),
            "aws_secret_access_key": config.secret_key.get_secret_value(),
        }
    return boto3.client(
        "s3",
        endpoint_url=config.endpoint,
        region_name=config.region,
        config=Config(
            signature_version="s3v4",
            # Small servers answer without the newer checksums (rclone serve s3).
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path" if config.path_style else "auto"},
            retries={"mode": "standard", "max_attempts": 5},
        ),
        **keys,
    )


def split_s3_path(path: str) -> tuple[str, str]:
    """The bucket and the key prefix, without slashes at the ends, of an s3:// path.

    >>> split_s3_path("s3://bucket/some/prefix/")
    ('bucket', 'some/prefix')
    """
    bucket, _, prefix = path.removeprefix("s3://").partition("/")
    if not path.startswith("s3://") or not bucket:
        raise TidemarkError(f"'{path}' is not an S3 path.", hint="Write it as s3://bucket/prefix.")
    return bucket, prefix.strip("/")
