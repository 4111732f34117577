"""`tidemark up` and `tidemark down`: the servers."""

import signal
import subprocess
import time
from typing import Annotated

import typer

from dagster_project.cli.output import console
from dagster_project.platform import load_platform
from dagster_project.services import Service, services, start, stop, wait_until_ready
from dagster_project.settings import Settings, load_settings
from lakehouse.errors import TidemarkError
from lakehouse.postgres import stop_server

_START_SECONDS = 120


def up(
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Return once all run; stop with tidemark down.")
    ] = False,
) -> None:
    """Start the Dagster UI, the daemon with all sensors on, and the MLflow UI.

    Files that land from then on are loaded, cleaned, scored and monitored by themselves.
    """
    platform = load_platform()
    settings = platform.settings
    platform.lake()
    # A shell's background job ignores SIGINT, and the servers would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    running: dict[Service, subprocess.Popen[bytes]] = {}
    try:
        with console.status("starting the servers"):
            for service in services(settings):
                running[service] = start(settings, service)
                if service.socket is not None:  # the others ask it as soon as they start
                    wait_until_ready(settings, running, _START_SECONDS)
            wait_until_ready(settings, running, _START_SECONDS)
    except BaseException:
        _stop_all(settings)
        raise
    for service in running:
        console.print(f"{service.name:15} {service.url or 'runs'}", highlight=False)
    console.print(f"{'landing zone':15} {settings.landing_path}/<source>/", highlight=False)
    if detach:
        return
    console.print("Ctrl-C stops them; the data stays.")
    try:
        _watch(running)
    finally:
        _stop_all(settings)


def down() -> None:
    """Stop the servers of this project, the embedded Postgres included."""
    settings = load_settings()
    stopped = _stop_all(settings)
    if settings.postgres is None and stop_server(settings.postgres_folder):
        stopped.append("postgres")
    console.print(f"Stopped: {', '.join(stopped)}." if stopped else "Nothing was running.")


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
    names = [service.name for service in reversed(services(settings))]
    with console.status("stopping the servers"):
        return [name for name in names if stop(settings, name)]
