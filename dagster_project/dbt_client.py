"""`tidemark-dbt`: dbt as a run starts it: from the warm process if there is one, and never alone.

The writer lock of a dbt build is its run's. A dbt that outlives a killed run would write without
the lock, so this process watches its parent and ends with it, and dbt with this process. It imports
nothing but the standard library: it must start at once.
"""

import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

# Where the warm process listens (dbt_server.py); empty or unset: dbt is started cold.
SERVER_VARIABLE = "DBT_TIDEMARK_SERVER"
_SECONDS_BETWEEN_LOOKS = 0.2
# EX_SOFTWARE of sysexits.h: dbt has 0, 1 and 2 for itself.
_DIED = 70


def main() -> int:
    """Runs dbt with this process's arguments, environment, folder and output; its exit code."""
    parent = os.getppid()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    connection = _connected(os.environ.get(SERVER_VARIABLE, ""))
    if connection is None:
        return _cold(parent)
    with connection:
        return _warm(connection, parent)


def _connected(address: str) -> socket.socket | None:
    if not address:
        return None
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(address)
    except OSError:
        connection.close()
        return None
    return connection


def _warm(connection: socket.socket, parent: int) -> int:
    request = json.dumps(
        {"arguments": sys.argv[1:], "folder": str(Path.cwd()), "environment": dict(os.environ)}
    ).encode()
    try:
        socket.send_fds(connection, [struct.pack("!I", len(request))], [1, 2])
        connection.sendall(request)
    except OSError:
        return _cold(parent)
    answer = b""
    while len(answer) < 2:  # one byte when dbt starts, one when it has ended: its exit code
        if select.select([connection], [], [], _SECONDS_BETWEEN_LOOKS)[0]:
            read = connection.recv(1)
            if not read:
                # Nothing was started: the server could not import dbt, which the cold one tells.
                return _DIED if answer else _cold(parent)
            answer += read
        elif os.getppid() != parent:
            return _DIED
    return answer[1]


def _cold(parent: int) -> int:
    from dagster_project.manifest import executable

    dbt = subprocess.Popen([executable("dbt"), *sys.argv[1:]])
    try:
        while True:
            try:
                return dbt.wait(timeout=_SECONDS_BETWEEN_LOOKS)
            except subprocess.TimeoutExpired:
                if os.getppid() != parent:
                    return _DIED
    finally:
        dbt.kill()


if __name__ == "__main__":
    sys.exit(main())
