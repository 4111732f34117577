"""The environment variables through which dbt's profile gets the lake's settings."""

from pathlib import Path

from pydantic import SecretStr

from lakehouse.config import LakeConfig
from lakehouse.engine import catalog_secret_options

# dbt shows the values of variables with this prefix nowhere: not in logs, artifacts or errors.
_SECRET = "DBT_ENV_SECRET_"  # noqa: S105 - a prefix of names


def dbt_environment(config: LakeConfig, *, target_path: Path) -> dict[str, str]:
    """The variables that dbt needs in addition to the process's own environment.

    Args:
        config: The lake that dbt builds in.
        target_path: Folder of dbt's artifacts and logs, outside the dbt project.
    """
    return {
        "DBT_TIDEMARK_LAKE": config.model_dump_json(
            exclude={"postgres_url": True, "s3": {"access_key", "secret_key"}}
        ),
        "DBT_TARGET_PATH": str(target_path),
        "DBT_LOG_PATH": str(target_path),
        # They test the code, not the data, and take longer than the rest of a build: CI runs them.
        "DBT_EXCLUDE_RESOURCE_TYPES": "unit_test",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
        f"{_SECRET}POSTGRES_URL": config.postgres_url.get_secret_value(),
        # Not read by the profile: named so that dbt also hides it where an error quotes it alone.
        f"{_SECRET}POSTGRES_PASSWORD": catalog_secret_options(config).get("password", ""),
        f"{_SECRET}S3_ACCESS_KEY": _revealed(config.s3.access_key),
        f"{_SECRET}S3_SECRET_KEY": _revealed(config.s3.secret_key),
    }


def _revealed(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""
