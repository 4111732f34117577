"""A platform that things are done to, the files that landed there, and what happened."""

import json
import os
import random
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from dagster_project.settings import Settings, load_settings
from lakehouse.connection import Lake
from lakehouse.postgres import stop_server
from tests.chaos.storage import Storage

ROOT = Path(__file__).resolve().parents[2]
SOURCE = "reviews"
_STEP = re.compile(r"✓ (\S+)")


@dataclass(frozen=True)
class Happening:
    """What was done to a run, what the run was doing, and how it ended (None: it was killed)."""

    kind: str
    phase: str
    exit_code: int | None


@dataclass
class Victim:
    """The platform on a state folder of its own."""

    state: Path
    storage: Storage
    chance: random.Random
    landed: dict[str, list[str]] = field(default_factory=dict)
    happenings: list[Happening] = field(default_factory=list)
    seconds: float = 20.0  # within which something happens to a run
    disk: Path | None = None  # the mounted small disk that the state folder is on

    def __post_init__(self) -> None:
        config = self.state / "tidemark.toml"
        config.touch()
        self.environment = {
            "TIDEMARK_STATE": str(self.state),
            "TIDEMARK_CONFIG": str(config),
            "TIDEMARK_THREADS": "2",
            "PYTHONUNBUFFERED": "1",
            **self.storage.environment,
        }

    @property
    def settings(self) -> Settings:
        """The platform's settings, read anew: a killed Postgres starts again."""
        return load_settings(self.environment)

    def lake(self) -> Lake:
        """The lake, to be closed by the caller."""
        return Lake(self.settings.lake_config)

    def land(self, name: str, lines: list[str]) -> None:
        """Puts a file, or a new version of it, into the landing zone."""
        self.storage.put(f"{SOURCE}/{name}", ("\n".join(lines) + "\n").encode())
        self.landed[name] = lines

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Starts `tidemark run`, its output in the state folder."""
        with self.log.open("wb") as log:
            return subprocess.Popen(
                [Path(sys.executable).parent / "tidemark", "run", *arguments],
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                start_new_session=True,
            )

    def run(self) -> None:
        """A run that is left alone; it must succeed."""
        code = self.start().wait(timeout=600)
        assert code == 0, f"exit code {code}:\n{self.output}"

    @property
    def log(self) -> Path:
        """Where the last run's output is: not on the disk that gets full."""
        return self.state.parent / f"{self.state.name}-output.log"

    @property
    def output(self) -> str:
        """What the last run has printed so far."""
        return self.log.read_text(errors="replace")

    @property
    def phase(self) -> str:
        """The last step that the run has finished."""
        steps = _STEP.findall(self.output)
        return f"after {steps[-1].split('__')[-1]}" if steps else "before the first step"

    def leftover_processes(self) -> list[str]:
        """The platform's processes that still run, Postgres aside."""
        found = []
        for process in psutil.process_iter(["pid"]):
            try:
                if process.environ().get("TIDEMARK_STATE") == str(self.state):
                    found.append(" ".join(process.cmdline()))
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return [command for command in found if "postgres" not in command]

    def stop(self) -> None:
        """Stops all that runs; the files stay, to be looked at."""
        stop_server(self.state / "postgres")
        self.storage.close()

    def remove(self) -> None:
        """Stops all that runs and removes everything."""
        self.stop()
        if self.disk is not None:
            subprocess.run(["umount", "--lazy", self.disk], check=True)
        shutil.rmtree(self.state, ignore_errors=True)
        shutil.rmtree(self.state.with_name(f"{self.state.name}-server"), ignore_errors=True)
        self.log.unlink(missing_ok=True)

    def report(self) -> str:
        """How often what happened and when, as JSON."""
        kinds: dict[str, dict[str, int]] = {}
        for one in self.happenings:
            counts = kinds.setdefault(one.kind, {})
            counts[one.phase] = counts.get(one.phase, 0) + 1
        return json.dumps(kinds, indent=1, sort_keys=True)
