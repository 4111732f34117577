"""The environment variables through which dbt gets the lake's settings, written and read here.

They do not pass through dbt's profile: it parses the whole project again when a variable that its
profile names has changed, as the lake's do between two of them.
"""

import json
import os
import re
from pathlib import Path

from pydantic import SecretStr

from lakehouse.config import LakeConfig
from lakehouse.engine import catalog_secret_options
from lakehouse.errors import TidemarkError

_LAKE = "DBT_TIDEMARK_LAKE"
# dbt shows the values of variables with this prefix nowhere: not in logs, artifacts or errors.
_SECRET = "DBT_ENV_SECRET_"  # noqa: S105 - a prefix of names
_WORD = re.compile(r"[a-z_.]*|.{0,3}")


def parse_environment(target_path: Path) -> dict[str, str]:
    """The variables for `dbt parse`, which needs no lake.

    Args:
        target_path: Folder of dbt's artifacts and logs, outside the dbt project.
    """
    return {
        "DBT_TARGET_PATH": str(target_path),
        "DBT_LOG_PATH": str(target_path),
        # They test the code, not the data, and take longer than the rest of a build: CI runs them.
        "DBT_EXCLUDE_RESOURCE_TYPES": "unit_test",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
    }


def dbt_environment(config: LakeConfig, *, target_path: Path) -> dict[str, str]:
    """The variables that dbt needs to build, in addition to the process's own environment.

    Args:
        config: The lake that dbt builds in.
        target_path: Folder of dbt's artifacts and logs, outside the dbt project.
    """
    return parse_environment(target_path) | {
        _LAKE: config.model_dump_json(
            exclude={"postgres_url": True, "s3": {"access_key", "secret_key"}}
        ),
        f"{_LAKE}_POSTGRES_URL": config.postgres_url.get_secret_value(),
        f"{_LAKE}_S3_ACCESS_KEY": _revealed(config.s3.access_key),
        f"{_LAKE}_S3_SECRET_KEY": _revealed(config.s3.secret_key),
        **_hidden(
            POSTGRES_URL=config.postgres_url.get_secret_value(),
            POSTGRES_PASSWORD=catalog_secret_options(config).get("password", ""),
            S3_SECRET_KEY=_revealed(config.s3.secret_key),
        ),
    }


def _hidden(**secrets: str) -> dict[str, str]:
    """Variables that nobody reads: dbt hides their values in all that it says and writes.

    It also does so inside of names. A secret that may be part of one, as the password `tidemark`
    is of every model's id, would break the build: such secrets are passed empty.
    """
    return {
        f"{_SECRET}{name}": "" if _WORD.fullmatch(secret) else secret
        for name, secret in secrets.items()
    }


def lake_of_environment() -> LakeConfig:
    """The lake that `dbt_environment` has described to this process.

    Raises:
        TidemarkError: The variables are not set.
    """
    if not os.environ.get(_LAKE):
        raise TidemarkError(
            f"dbt was started without the lake's settings ({_LAKE} is empty).",
            hint="Build through `tidemark run`, or set the variables that"
            " lakehouse.dbt_environment.dbt_environment returns.",
        )
    settings = json.loads(os.environ[_LAKE])
    settings["postgres_url"] = os.environ[f"{_LAKE}_POSTGRES_URL"]
    for key in ("access_key", "secret_key"):
        if secret := os.environ[f"{_LAKE}_S3_{key.upper()}"]:
            settings["s3"][key] = secret
    return LakeConfig.model_validate(settings)


def _revealed(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""
