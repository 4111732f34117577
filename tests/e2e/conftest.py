"""A running platform: servers and daemon as `tidemark up --s3` starts them, on free ports.

It is the one on a local S3 server, which runs all that the one on a folder does and more: starting
servers and training twice would cost minutes. The main job on a folder has its own tests.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from dagster_project.settings import load_settings
from tests.servers.listening import free_port

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@dataclass(frozen=True)
class Tidemark:
    """The command line on a state folder of its own."""

    environment: dict[str, str]
    ui_port: int
    mlflow_port: int

    @property
    def state(self) -> Path:
        """The state folder, in which the settings file is."""
        return Path(self.environment["TIDEMARK_CONFIG"]).parent

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs `tidemark` with the arguments."""
        result = subprocess.run(
            [Path(sys.executable).parent / "tidemark", *arguments],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
            cwd=ROOT,
        )
        if check and result.returncode != 0:
            raise AssertionError(f"tidemark {arguments}:\n{result.stdout}\n{result.stderr}")
        return result

    def rows(self, query: str) -> list[dict]:
        """The rows of a query through `tidemark sql`."""
        return json.loads(self.run("sql", "--json", query).stdout)

    def wait_for(self, query: str, done: Callable[[list[dict]], bool], seconds: float):
        """Waits until the query's rows satisfy the condition, and returns them.

        A table that is not there yet counts as no rows. The query is asked when a run has ended:
        its process would take from the runs what it waits for.
        """
        deadline = time.monotonic() + seconds
        seen = -1
        while True:
            ended = self._runs_ended()
            if ended != seen:
                result = self.run("sql", "--json", query, check=False)
                rows = json.loads(result.stdout) if result.returncode == 0 else []
                if rows and done(rows):
                    return rows
                seen = ended
            if time.monotonic() > deadline:
                logs = "\n".join(
                    f"--- {log.name}\n" + log.read_text(errors="replace")[-4000:]
                    for log in (self.state / "logs").glob("*.log")
                )
                raise AssertionError(f"after {seconds} s: {query}\n{rows}{result.stderr}\n{logs}")
            time.sleep(1)

    def _runs_ended(self) -> int:
        with psycopg.connect(load_settings(self.environment).server.dagster) as connection:
            (ended,) = connection.execute(
                "select count(*) from runs where status in ('SUCCESS', 'FAILURE', 'CANCELED')"
            ).fetchone()
        return ended


@pytest.fixture(scope="module")
def outer():
    """The command line on an empty state folder; everything it started is stopped at the end."""
    state = Path(tempfile.mkdtemp(prefix="tm-e2e-"))
    config = state / "tidemark.toml"
    config.write_text('memory_limit = "2GB"\n')
    ui_port, mlflow_port = free_port(), free_port()
    command = Tidemark(
        {
            "TIDEMARK_CONFIG": str(config),
            "TIDEMARK_STATE": str(state),
            "TIDEMARK_UI_PORT": str(ui_port),
            "TIDEMARK_MLFLOW_PORT": str(mlflow_port),
            "TIDEMARK_S3_PORT": str(free_port()),
        },
        ui_port,
        mlflow_port,
    )
    yield command
    stopped = command.run("down", "--s3").stdout
    assert "s3" in stopped
    assert "postgres" in stopped
    assert _processes_of(state / "s3") == []
    shutil.rmtree(state, ignore_errors=True)


def _processes_of(state: Path) -> list[str]:
    """Command lines of processes that were started for the state folder and still run."""
    import psutil

    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("TIDEMARK_STATE") == str(state):
                found.append(" ".join(process.cmdline())[:200])
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


@pytest.fixture(scope="module")
def months(tmp_path_factory, outer) -> list[Path]:
    """Twelve files of generated reviews, the last three drifted."""
    folder = tmp_path_factory.mktemp("reviews")
    outer.run("generate", str(folder), "--rows", "9000")
    return sorted(folder.glob("*.jsonl"))


@pytest.fixture(scope="module")
def said(outer) -> list[str]:
    """What `tidemark up --s3` has said, once the servers are up."""
    return outer.run("up", "--s3", "--detach").stdout.splitlines()


@pytest.fixture(scope="module")
def running(outer, said):
    """The platform with its servers up, as other commands reach it."""
    environment = {"TIDEMARK_CONFIG": str(outer.state / "s3" / "tidemark.toml")}
    return Tidemark(environment, outer.ui_port, outer.mlflow_port)


@pytest.fixture(scope="module")
def scored(running, months):
    """The months before the drift, landed and scored by nobody's command."""
    running.run("land", "reviews", *map(str, months[:9]))
    running.wait_for(
        "select count(*) as n, (select count(*) from review_features) as clean from reviews_scored",
        lambda rows: rows[0]["n"] > 0 and rows[0]["n"] == rows[0]["clean"],
        600,
    )
    return running


@pytest.fixture(scope="module")
def drifted(scored, months):
    """The drifted months landed, and the retraining that follows judged by the gate."""
    version = scored.rows("select max(to_version) as version from promotions")[0]["version"]
    scored.run("land", "reviews", *map(str, months[9:]))
    scored.wait_for(f"select to_version from promotions where to_version > {version}", bool, 900)
    return scored


@pytest.fixture(scope="module")
def page():
    """A page of a headless Chromium."""
    if CHROMIUM is None:
        message = "the browser tests need Chromium: apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-first-run",
            ],
        )
        yield browser.new_page(viewport={"width": 1600, "height": 1000})
        browser.close()
