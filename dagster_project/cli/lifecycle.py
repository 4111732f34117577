"""`tidemark up` and `tidemark down`: the servers."""

import shlex
import signal
import subprocess
import time
from collections.abc import Iterable
from typing import Annotated

import typer

from dagster_project.cli.output import console
from dagster_project.local_s3 import check_installed, enter, settings_file, write_settings
from dagster_project.platform import load_platform
from dagster_project.services import (
    Service,
    services,
    start,
    stop,
    storage_services,
    wait_until_ready,
)
from dagster_project.settings import Settings, load_settings
from lakehouse.errors import TidemarkError
from lakehouse.postgres import stop_server

_START_SECONDS = 120


S3Option = Annotated[
    bool, typer.Option("--s3", help="The platform on a local S3 server, to try S3 out.")
]


def up(
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Return once all run; stop with tidemark down.")
    ] = False,
    s3: S3Option = False,
) -> None:
    """Start the Dagster UI, the daemon with all sensors on, and the MLflow UI.

    Files that land from then on are loaded, cleaned, scored and monitored by themselves. With
    --s3 this is a platform of its own: lake, landing zone and models are on a local S3 server.
    """
    use = _enter_local_s3() if s3 else None
    platform = load_platform()
    settings = platform.settings
    if settings.serves_s3:
        check_installed()
    running: dict[Service, subprocess.Popen[bytes]] = {}
    try:
        with console.status("starting the servers"):
            _start(settings, storage_services(settings), running)
            platform.lake()
            _start(settings, services(settings), running)
    except BaseException:
        _stop_all(settings)
        raise
    for service in running:
        console.print(f"{service.name:15} {service.url or 'runs'}", highlight=False)
    console.print(f"{'landing zone':15} {settings.landing_path}/<source>/", highlight=False)
    if use:
        console.print("Other commands use this platform after:")
        console.print(use, highlight=False, soft_wrap=True, markup=False)
    if detach:
        return
    console.print("Ctrl-C stops them; the data stays.")
    try:
        _watch(running)
    finally:
        _stop_all(settings)


def down(s3: S3Option = False) -> None:
    """Stop the servers of this project, the embedded Postgres included."""
    settings = load_settings()
    if s3:
        file = settings_file(settings)
        if not file.exists():
            console.print("Nothing was running.")
            return
        enter(file)
        settings = load_settings()
    stopped = _stop_all(settings)
    if settings.postgres is None and stop_server(settings.postgres_folder):
        stopped.append("postgres")
    console.print(f"Stopped: {', '.join(stopped)}." if stopped else "Nothing was running.")


def _enter_local_s3() -> str:
    """Goes over to the platform on the local S3 server; the line that does so in a shell."""
    file = write_settings(load_settings())
    contradicting = enter(file)
    line = f"export TIDEMARK_CONFIG={shlex.quote(str(file))}"
    return f"unset {' '.join(contradicting)}; {line}" if contradicting else line


def _start(
    settings: Settings,
    asked: Iterable[Service],
    running: dict[Service, "subprocess.Popen[bytes]"],
) -> None:
    """Starts the servers and waits until all of them answer."""
    for service in asked:
        running[service] = start(settings, service)
        if service.socket is not None:  # the others ask it as soon as they start
            wait_until_ready(settings, running, _START_SECONDS)
    wait_until_ready(settings, running, _START_SECONDS)


def _watch(running: dict[Service, subprocess.Popen[bytes]]) -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    while True:
        for service, process in running.items():
            if process.poll() is not None:
                raise TidemarkError(
                    f"{service.name} ended with exit code {process.returncode}.",
                    hint=f"Its log is {service.name}.log in the state folder's logs.",
                )
        time.sleep(0.5)


def _stop_all(settings: Settings) -> list[str]:
    everything = (*storage_services(settings), *services(settings))
    names = [service.name for service in reversed(everything)]
    with console.status("stopping the servers"):
        return [name for name in names if stop(settings, name)]
