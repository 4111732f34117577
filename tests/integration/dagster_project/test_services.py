"""Servers are started, waited for and stopped, and never mistaken for another process."""

import os
import signal
import socket
import sys
import time
from types import SimpleNamespace

import psutil
import pytest

from dagster_project import services as module
from dagster_project.services import (
    Service,
    running_pid,
    service_environment,
    services,
    start,
    stop,
    wait_until_ready,
)
from dagster_project.settings import ServerUrls
from lakehouse.errors import TidemarkError

pytestmark = pytest.mark.integration
_SERVE = (
    "import socket, sys, time\n"
    "server = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n"
    "print('serving', flush=True)\n"
    "time.sleep(600)\n"
)
_POLITE = (
    "import time\n"
    "try:\n"
    "    print('here', flush=True)\n"
    "    time.sleep(600)\n"
    "except KeyboardInterrupt:\n"
    "    print('interrupted', flush=True)\n"
)
_STUBBORN = (
    "import signal, sys, time\n"
    "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    "if sys.argv[1] == 'kill': signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print('deaf', flush=True)\n"
    "time.sleep(600)\n"
)


@pytest.fixture
def settings(tmp_path):
    url = "postgresql://u:hidden@h/"
    return SimpleNamespace(
        state=tmp_path,
        log_folder=tmp_path / "logs",
        dagster_home=tmp_path / "dagster",
        server=ServerUrls(f"{url}lake", f"{url}dagster", f"{url}mlflow"),
        host="127.0.0.1",
        ui_port=3999,
        mlflow_port=5999,
    )


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def run(settings):
    """Starts a Python program as a service; kills what is left at the end."""
    started = []

    def start_service(code: str, *arguments: str, port: int | None = None):
        service = Service("test", (sys.executable, "-c", code, *arguments), "127.0.0.1", port)
        process = start(settings, service)
        started.append(process)
        return service, process

    yield start_service
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()


def _log(settings) -> str:
    return (settings.log_folder / "test.log").read_text()


def _wait_for_log(settings, word: str) -> None:
    deadline = time.monotonic() + 60
    while word not in _log(settings):
        assert time.monotonic() < deadline, _log(settings)
        time.sleep(0.02)


def test_a_server_is_started_found_and_stopped(settings, run, port):
    service, process = run(_SERVE, str(port), port=port)
    wait_until_ready(settings, {service: process}, 60)
    assert running_pid(settings, "test") == process.pid
    assert "serving" in _log(settings)
    assert stop(settings, "test") is True
    assert running_pid(settings, "test") is None
    assert not psutil.pid_exists(process.pid)
    assert stop(settings, "test") is False


def test_a_server_listens_to_signals_that_its_starter_ignores(settings, run, monkeypatch):
    monkeypatch.setattr(module, "_TERMINATE_SECONDS", 0.5)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        run(_POLITE)
        _wait_for_log(settings, "here")
        assert stop(settings, "test") is True
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert "interrupted" in _log(settings)


@pytest.mark.parametrize("signal_needed", ["terminate", "kill"])
def test_a_server_that_does_not_listen_to_signals_is_stopped_all_the_same(
    settings, run, monkeypatch, signal_needed
):
    monkeypatch.setattr(module, "_INTERRUPT_SECONDS", 0.2)
    monkeypatch.setattr(module, "_TERMINATE_SECONDS", 0.5)
    _, process = run(_STUBBORN, signal_needed)
    _wait_for_log(settings, "deaf")
    assert stop(settings, "test") is True
    process.wait(timeout=30)
    assert running_pid(settings, "test") is None


def test_a_taken_port_is_refused_before_anything_starts(settings, run, port):
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(TidemarkError, match=f"Port {port}, which test needs, is taken") as raised,
    ):
        run(_SERVE, str(port), port=port)
    assert "TIDEMARK_UI_PORT" in raised.value.hint
    assert running_pid(settings, "test") is None


def test_a_server_that_ends_at_once_shows_the_end_of_its_log(settings, run, port):
    service, process = run("print('first'); raise SystemExit('no database')", port=port)
    with pytest.raises(TidemarkError, match="no database") as raised:
        wait_until_ready(settings, {service: process}, 60)
    assert "test did not start" in raised.value.message
    assert str(settings.log_folder / "test.log") in raised.value.hint


def test_a_server_that_takes_too_long_is_an_error(settings, run, port):
    service, process = run("import time; time.sleep(600)", port=port)
    with pytest.raises(TidemarkError, match="did not start"):
        wait_until_ready(settings, {service: process}, 0)


def test_a_server_without_a_port_is_not_waited_for(settings, run):
    service, process = run("import time; time.sleep(600)")
    assert service.url is None
    wait_until_ready(settings, {service: process}, 0)


def test_a_later_process_with_the_same_number_is_not_the_server(settings):
    file = settings.state / "run" / "test.pid"
    file.parent.mkdir()
    file.write_text(f"{os.getpid()}\n1.00\n")
    assert running_pid(settings, "test") is None
    assert stop(settings, "test") is False
    assert not file.exists()


def test_without_a_noted_number_nothing_runs(settings):
    assert running_pid(settings, "test") is None
    assert stop(settings, "test") is False


def test_passwords_are_in_the_environment_and_in_no_argument(settings):
    environment = service_environment(settings)
    assert environment["MLFLOW_BACKEND_STORE_URI"] == "postgresql+psycopg://u:hidden@h/mlflow"
    assert environment["TIDEMARK_STATE"] == str(settings.state)
    assert environment["DAGSTER_HOME"] == str(settings.dagster_home)
    found = {service.name: service for service in services(settings)}
    assert set(found) == {"dagster-code", "dagster-ui", "dagster-daemon", "mlflow-ui"}
    assert not any("hidden" in part for service in found.values() for part in service.command)
    assert found["dagster-ui"].url == "http://127.0.0.1:3999"
    assert found["mlflow-ui"].url == "http://127.0.0.1:5999"
    assert found["dagster-daemon"].url is None


def test_the_servers_programs_are_installed(settings):
    for service in services(settings):
        assert os.access(service.command[0], os.X_OK), service.command[0]
