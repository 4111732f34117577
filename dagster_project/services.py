"""The servers of `tidemark up`: started, waited for, and stopped by the process id noted."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from dagster_project.instance import dagster_environment, write_instance_config
from dagster_project.local_s3 import server_command, server_environment
from dagster_project.settings import PROJECT_ROOT, Settings
from lakehouse.errors import TidemarkError
from lakehouse.s3 import aws_environment

_INTERRUPT_SECONDS = 20
_TERMINATE_SECONDS = 5
_WORKSPACE = "workspace.yaml"


@dataclass(frozen=True)
class Service:
    """A server: its command, and the port or socket that tells when it is ready (None: none)."""

    name: str
    command: tuple[str, ...]
    host: str
    port: int | None
    socket: Path | None = None

    @property
    def url(self) -> str | None:
        """Where people open it."""
        return None if self.port is None else f"http://{self.host}:{self.port}"

    def environment(self, settings: Settings) -> dict[str, str]:
        """What this server alone is told: MLflow's the access to runs' files on S3."""
        if self.name == "s3":
            return server_environment(settings)
        if self.name == "mlflow-ui" and settings.artifact_path.startswith("s3://"):
            return aws_environment(settings.s3_access)
        return {}

    @property
    def has_address(self) -> bool:
        """Whether it can be asked if it is ready."""
        return self.port is not None or self.socket is not None

    @property
    def answers(self) -> bool:
        """Whether something listens at its address."""
        if self.socket is not None:
            with socket.socket(socket.AF_UNIX) as probe:
                return probe.connect_ex(str(self.socket)) == 0
        with socket.socket() as probe:
            probe.settimeout(0.5)
            return probe.connect_ex((self.host, self.port)) == 0


def storage_services(settings: Settings) -> tuple[Service, ...]:
    """What must run before the lake is opened: the local S3 server of `tidemark up --s3`."""
    if not settings.serves_s3:
        return ()
    return (Service("s3", server_command(settings), "127.0.0.1", settings.s3_port),)


def services(settings: Settings) -> tuple[Service, ...]:
    """The definitions' server, Dagster's UI, its daemon (sensors, schedules, runs), MLflow's UI.

    The first one before the others. Without it, UI and daemon would load the definitions each for
    itself, and the daemon anew every minute: a quarter of a core for nothing.
    """
    bin_folder = Path(sys.executable).parent
    workspace = str(settings.dagster_home / _WORKSPACE)
    code = settings.state / "run" / "code"
    return (
        Service(
            "dagster-code",
            (
                str(bin_folder / "dagster"), "code-server", "start", "-s", str(code),
                "-m", "dagster_project.definitions", "-d", str(PROJECT_ROOT),
            ),
            settings.host,
            None,
            socket=code,
        ),
        Service(
            "dagster-ui",
            (
                str(bin_folder / "dagster-webserver"), "-w", workspace,
                "-h", settings.host, "-p", str(settings.ui_port),
            ),
            settings.host,
            settings.ui_port,
        ),
        Service(
            "dagster-daemon",
            (str(bin_folder / "dagster-daemon"), "run", "-w", workspace),
            settings.host,
            None,
        ),
        Service(
            "mlflow-ui",
            (
                str(bin_folder / "mlflow"), "server", "--workers", "1",
                "--host", settings.host, "--port", str(settings.mlflow_port),
            ),
            settings.host,
            settings.mlflow_port,
        ),
    )  # fmt: skip


def service_environment(settings: Settings) -> dict[str, str]:
    """The environment of all servers; URLs that may hold passwords go here, not into arguments."""
    return {
        **os.environ,
        **dagster_environment(settings),
        "MLFLOW_BACKEND_STORE_URI": settings.server.mlflow.replace(
            "postgresql://", "postgresql+psycopg://", 1
        ),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # Its background jobs serve features that the platform does not use.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "TIDEMARK_STATE": str(settings.state),
        "PYTHONUNBUFFERED": "1",
    }


def start(settings: Settings, service: Service) -> subprocess.Popen[bytes]:
    """Starts the server with its log in the state folder, and notes its process id."""
    write_instance_config(settings)
    _write_workspace(settings)
    if service.port is not None and service.answers:
        raise TidemarkError(
            f"Port {service.port}, which {service.name} needs, is taken.",
            hint="Stop what listens there (`tidemark down`, if it is this project's), or set"
            " TIDEMARK_UI_PORT, TIDEMARK_MLFLOW_PORT or TIDEMARK_S3_PORT.",
        )
    if service.socket is not None:
        service.socket.unlink(missing_ok=True)
    settings.log_folder.mkdir(parents=True, exist_ok=True)
    _listen_to_signals()
    with (settings.log_folder / f"{service.name}.log").open("ab") as log:
        process = subprocess.Popen(
            service.command,
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=service_environment(settings) | service.environment(settings),
            cwd=PROJECT_ROOT,
            # A group of its own: Ctrl-C reaches `tidemark up`, which stops the servers in order.
            start_new_session=True,
        )
    file = _pid_file(settings, service.name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{process.pid}\n{process_start(process.pid)}\n")
    return process


def _listen_to_signals() -> None:
    """Ends that this process ignores signals, as a shell's background job does: servers inherit it.

    SIGTERM goes the way of SIGINT where Dagster was imported.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


def _write_workspace(settings: Settings) -> None:
    server = {"socket": str(settings.state / "run" / "code"), "location_name": "tidemark"}
    (settings.state / "run").mkdir(parents=True, exist_ok=True)
    (settings.dagster_home / _WORKSPACE).write_text(
        yaml.safe_dump({"load_from": [{"grpc_server": server}]})
    )


def wait_until_ready(
    settings: Settings, running: Mapping[Service, subprocess.Popen[bytes]], seconds: float
) -> None:
    """Waits until every server with a port answers there.

    Raises:
        TidemarkError: One ended, or took longer than that.
    """
    deadline = time.monotonic() + seconds
    for service, process in running.items():
        while service.has_address and not service.answers:
            if process.poll() is not None or time.monotonic() > deadline:
                log = settings.log_folder / f"{service.name}.log"
                raise TidemarkError(
                    f"{service.name} did not start:\n{_tail(log)}",
                    hint=f"The whole log is in {log}.",
                )
            time.sleep(0.2)


def stop(settings: Settings, name: str) -> bool:
    """Stops the server whose process id was noted, and its children; False if it does not run."""
    pid = running_pid(settings, name)
    file = _pid_file(settings, name)
    if pid is not None:
        _stop_leader(settings, name, pid)
        # Code servers and run workers of Dagster outlive it; they are in the group it leads.
        _stop_group(pid)
    file.unlink(missing_ok=True)
    return pid is not None


def _stop_leader(settings: Settings, name: str, pid: int) -> None:
    for number, seconds in (
        (signal.SIGINT, _INTERRUPT_SECONDS),
        (signal.SIGTERM, _TERMINATE_SECONDS),
    ):
        _signal(pid, number)
        if _within(seconds, lambda: running_pid(settings, name) is None):
            return


def _stop_group(group: int) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(group, number)
        except ProcessLookupError:
            return
        if _within(_TERMINATE_SECONDS, lambda: not _group_exists(group)):
            return


def _group_exists(group: int) -> bool:
    _reap(group)
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _within(seconds: float, done: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def running_pid(settings: Settings, name: str) -> int | None:
    """The noted process id, if that very process still runs."""
    file = _pid_file(settings, name)
    if not file.exists():
        return None
    lines = file.read_text().split()
    if not lines:
        # Cut off by a full disk or a kill between opening and writing: nothing is known then.
        return None
    pid = int(lines[0])
    _reap(pid)
    return pid if process_start(pid) == " ".join(lines[1:]) else None


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _reap(pid: int) -> None:
    """Collects the process if it is a child that ended: a zombie would look alive."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def process_start(pid: int) -> str:
    """When the process started, to tell it from a later one with the same number."""
    import psutil

    try:
        return f"{psutil.Process(pid).create_time():.2f}"
    except psutil.NoSuchProcess:
        return "ended"


def _pid_file(settings: Settings, name: str) -> Path:
    return settings.state / "run" / f"{name}.pid"


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n".join(lines[-15:])
