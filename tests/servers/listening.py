"""Free ports, processes, servers that listen, and servers that are not installed."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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


@dataclass
class Server:
    """A server process that listens on a port, and can be killed and started again there."""

    command: Sequence[str | Path]
    port: int
    log: Path
    environment: Mapping[str, str] | None = None
    running: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Starts it, and waits until it listens."""
        self.running = started(self.command, self.log, env=self.environment)
        wait_until_listening(self.port, self.running, self.log)

    def kill(self) -> None:
        """Ends it as a crash would."""
        if self.running is not None:
            self.running.kill()
            self.running.wait()

    @contextmanager
    def running_inside(self) -> Iterator[None]:
        """Runs, whichever process it is by then, for the block's time."""
        try:
            self.start()
            yield
        finally:
            if self.running is not None:
                ended(self.running)


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
    """A process for the block's time, with its output in the log."""
    server = started(command, log, **options)
    try:
        yield server
    finally:
        ended(server, stop)


def started(
    command: Sequence[str | Path], log: Path, **options: object
) -> "subprocess.Popen[bytes]":
    """A process with its output in the log."""
    with log.open("ab") as output:
        # Any option of Popen's: its overloads want each by name.
        server: subprocess.Popen[bytes] = subprocess.Popen(  # type: ignore[call-overload]
            [str(part) for part in command],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            **options,
        )
    return server


def ended(server: "subprocess.Popen[bytes]", stop: signal.Signals = signal.SIGTERM) -> None:
    """Asks the process to end, and kills it where it does not within ten seconds."""
    server.send_signal(stop)
    try:
        server.wait(timeout=10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
