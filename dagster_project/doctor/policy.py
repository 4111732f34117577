"""The least rights that the platform needs on S3 and Postgres, for an administrator to grant."""

from typing import Any

from dagster_project.settings import DATABASES, Settings
from lakehouse.s3 import split_s3_path

_READ = ["s3:GetObject"]
_WRITE = ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]


def iam_policy(settings: Settings) -> dict[str, Any]:
    """The AWS IAM policy for the configured buckets; no statements where nothing is on S3."""
    statements: list[dict[str, Any]] = []
    if settings.lake_path.startswith("s3://"):
        statements += _place("Lake", settings.lake_path, _READ + _WRITE)
    if settings.landing_path.startswith("s3://"):
        statements += _place("Landing", settings.landing_path, _READ)
        # Only `tidemark land` writes there; leave it out where other programs land the files.
        statements.append(_objects("LandFiles", settings.landing_path, ["s3:PutObject"]))
    if settings.s3_kms_key:
        key = settings.s3_kms_key
        arn = key if key.startswith("arn:") else f"arn:aws:kms:{settings.s3_region}:*:key/{key}"
        actions = ["kms:Decrypt", "kms:GenerateDataKey"]
        statements.append(
            {"Sid": "Encryption", "Effect": "Allow", "Action": actions, "Resource": arn}
        )
    return {"Version": "2012-10-17", "Statement": statements}


def _place(name: str, path: str, actions: list[str]) -> list[dict[str, Any]]:
    bucket, prefix = split_s3_path(path)
    listing: dict[str, Any] = {
        "Sid": f"{name}List",
        "Effect": "Allow",
        "Action": ["s3:ListBucket"],
        "Resource": f"arn:aws:s3:::{bucket}",
    }
    if prefix:
        listing["Condition"] = {"StringLike": {"s3:prefix": [prefix, f"{prefix}/*"]}}
    return [listing, _objects(f"{name}Objects", path, actions)]


def _objects(name: str, path: str, actions: list[str]) -> dict[str, Any]:
    bucket, prefix = split_s3_path(path)
    below = f"{prefix}/*" if prefix else "*"
    return {
        "Sid": name,
        "Effect": "Allow",
        "Action": actions,
        "Resource": f"arn:aws:s3:::{bucket}/{below}",
    }


def postgres_grants() -> list[str]:
    """SQL for an administrator: one role that owns the databases, one that reads the lake."""
    return [
        "create role tidemark login;  -- then: \\password tidemark",
        *(f"create database {name} owner tidemark;" for name in DATABASES),
        *(f"revoke all on database {name} from public;" for name in DATABASES),
        "create role tidemark_reader login;  -- for other DuckDB clients; they also read the files",
        f"grant connect on database {DATABASES[0]} to tidemark_reader;",
        f"\\connect {DATABASES[0]}",
        "grant usage on schema public to tidemark_reader;",
        "alter default privileges for role tidemark in schema public grant select on tables to"
        " tidemark_reader;",
        "grant select on all tables in schema public to tidemark_reader;",
    ]
