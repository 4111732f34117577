"""Free ports, servers that listen, and servers that are not installed."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest


def absent(message: str) -> NoReturn:
    """Skips what needs something that is not installed here; in CI that is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_listening(port: int, server: "subprocess.Popen[bytes]", log: Path) -> None:
    """Waits until the server listens; its log is shown where it does not."""
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if server.poll() is not None:
            break
        time.sleep(0.05)
    pytest.fail(f"nothing listens on port {port}:\n{log.read_text()[-2000:]}")


@contextmanager
def process(
    command: Sequence[str | Path],
    log: Path,
    *,
    stop: signal.Signals = signal.SIGTERM,
    **options: object,
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process for the block's time, with its output in the log; ended by its id."""
    with log.open("ab") as output:
        server = subprocess.Popen(  # type: ignore[call-overload]
            [str(part) for part in command],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            **options,
        )
    try:
        yield server
    finally:
        server.send_signal(stop)
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
