"""A process that has imported dbt and parsed the project; each build is a fork of it.

dbt takes 3 s to import and 2 s to read a project and compile its own schemas: more than most builds
of new rows. Paid once, in a process of its own, while the run loads files. Every build still has
a process to itself: it opens its own engine on the lake and ends with `tidemark-dbt`, its client.
"""

import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from dagster_project.dbt_client import SERVER_VARIABLE
from dagster_project.manifest import PARSED_FILES, dbt_arguments, project_hash
from dagster_project.settings import Settings
from lakehouse.dbt_environment import parse_environment

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest


@contextmanager
def warm_dbt(settings: Settings) -> Iterator[None]:
    """Within it, dbt builds of this process are forked from one warm process."""
    if SERVER_VARIABLE in os.environ:
        yield
        return
    # Not in the state folder, whose path may be longer than a socket's may be (108 bytes).
    with tempfile.TemporaryDirectory(prefix="tidemark-dbt-") as folder:
        address, target = str(Path(folder) / "socket"), Path(folder) / "target"
        with socket.socket(socket.AF_UNIX) as listener:
            # Listening before dbt is there: a build that comes early waits and is then served.
            listener.bind(address)
            listener.listen()
            server = subprocess.Popen(
                [
                    *(sys.executable, "-m", "dagster_project.dbt_server"),
                    *(str(listener.fileno()), str(settings.dbt_project), str(target)),
                    *dbt_arguments(settings, target),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **parse_environment(target)},
                pass_fds=[listener.fileno()],
            )
        os.environ[SERVER_VARIABLE] = address
        try:
            yield
        finally:
            del os.environ[SERVER_VARIABLE]
            server.kill()
            server.communicate()


@dataclass(frozen=True)
class _Project:
    """The project as the server has parsed it; the manifest is None where dbt could not."""

    folder: Path
    target: Path
    content: str
    manifest: "Manifest | None"


def serve(listener: socket.socket, folder: Path, target: Path, arguments: Sequence[str]) -> None:
    """Serves builds until standard input closes, which also the death of the starter does.

    Args:
        listener: Where clients connect.
        folder: The dbt project.
        target: The server's own folder of dbt artifacts.
        arguments: dbt's options that name the two.
    """
    content = project_hash(folder)
    project = _Project(folder, target, content, _parsed(arguments))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no zombies: the client gets the exit code
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        if sys.stdin in ready:
            return
        client, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            sys.exit(_answer(client, project))
        client.close()


def _parsed(arguments: Sequence[str]) -> "Manifest | None":
    # What a build needs beside the parser is imported here too, so that forks share it.
    from dbt.cli.main import dbtRunner
    from dbt.contracts.graph.manifest import Manifest

    from lakehouse.text.language import detect_language

    for name in ("dbt.adapters.duckdb", "lakehouse.dbt_plugin"):
        import_module(name)
    detect_language("the first detection reads the model")
    result = dbtRunner().invoke(["--quiet", "parse", *arguments]).result
    return result if isinstance(result, Manifest) else None


def _answer(client: socket.socket, project: _Project) -> int:
    """Does in this process, a fork of the server, what the client asks for; dbt's exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    head, outputs, _, _ = socket.recv_fds(client, 4, 2)
    request = json.loads(_read(client, struct.unpack("!I", head)[0]))
    for output, descriptor in zip(outputs, (1, 2), strict=True):
        os.dup2(output, descriptor)
        os.close(output)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    client.sendall(b"\0")
    Thread(target=_end_with, args=[client], daemon=True).start()
    code = _dbt(request["arguments"], project)
    sys.stdout.flush()
    client.sendall(bytes([code]))
    return code


def _dbt(arguments: list[str], project: _Project) -> int:
    from dbt.cli.main import dbtRunner

    manifest = project.manifest
    if "parse" in arguments:
        if manifest is not None and project_hash(project.folder) == project.content:
            for name in PARSED_FILES:
                shutil.copy(project.target / name, os.environ["DBT_TARGET_PATH"])
            return 0
        manifest = None
    result = dbtRunner(manifest=manifest).invoke(arguments)
    # dbt's own exit codes: 1 where nodes failed, 2 where it could not run.
    return 0 if result.success else 1 if result.exception is None else 2


def _read(client: socket.socket, length: int) -> bytes:
    request = b""
    while len(request) < length:
        part = client.recv(length - len(request))
        if not part:
            raise ConnectionError("the client went away")
        request += part
    return request


def _end_with(client: socket.socket) -> None:
    """Ends this process at once when its client has gone: the lake keeps what was committed."""
    client.recv(1)
    os._exit(1)


if __name__ == "__main__":
    serve(
        socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:]
    )
