"""The command line on a platform of its own, whose disk can be filled and whose Postgres killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from dagster_project.cli.main import main
from dagster_project.cli.output import console
from dagster_project.lake_reader import read_only_lake
from dagster_project.manifest import read_manifest
from dagster_project.settings import load_settings
from lakehouse import connection
from lakehouse.landing.files import land_files

ROOT = Path(__file__).resolve().parents[4]
_COUNTS = """
select
    (select count(*) from reviews) as raw,
    (select count(*) from rejected_lines) as rejected,
    (select sum(loaded) from file_ledger where superseded_by is null) as loaded,
    (select sum(rejected) from file_ledger where superseded_by is null) as refused,
    (select sum(lines) from file_ledger where superseded_by is null) as lines,
    (select count(*) from review_features) as features,
    (select count(*) from reviews_scored) as scored,
    (select count(predicted_rating) from reviews_scored) as predicted,
    (select count(*) from int_reviews_quarantined) as quarantined,
    (select count(*) from int_reviews_outcomes where outcome = 'duplicate') as duplicate,
    (select count(*) from int_reviews_outcomes) as outcomes
"""


@dataclass
class CommandLine:
    """`tidemark` on a state folder of its own; knows how many good reviews it has landed."""

    state: Path
    environment: dict[str, str]
    landed: int = 0
    base: dict[str, int] = field(default_factory=dict)
    logged: int = 0

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Starts a command."""
        return subprocess.Popen(
            [Path(sys.executable).parent / "tidemark", *arguments],
            env={**os.environ, **self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def run(self, *arguments: str, **environment: str) -> str:
        """What a command prints, which must succeed."""
        command = self.start(*arguments, **environment)
        output, errors = command.communicate(timeout=600)
        assert command.returncode == 0, f"tidemark {arguments}:\n{output}\n{errors}"
        return output

    def answer(self, *arguments: str) -> str:
        """What a command prints, which must succeed.

        In this process: the libraries take longer to load than most commands to work.
        """
        code, output, errors = self._here(*arguments)
        assert code == 0, f"tidemark {arguments}:\n{output}\n{errors}"
        return output

    def error(self, *arguments: str, **environment: str) -> str:
        """The message of a command, which must fail in the one way that it may; in this process."""
        return _the_error(*self._here(*arguments, **environment))

    def _here(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        output, errors = StringIO(), StringIO()
        with (
            _same_environment(),
            pytest.MonkeyPatch.context() as patch,
            redirect_stdout(output),
            redirect_stderr(errors),
        ):
            for name, value in {**self.environment, **environment}.items():
                patch.setenv(name, value)
            # The command sets it, and it would outlast the state folder.
            patch.setenv("DAGSTER_HOME", "")
            patch.setattr(sys, "argv", ["tidemark", *arguments])
            # Nobody is there to be asked, and the console is bound to what stdout was at first.
            patch.setattr(sys, "stdin", StringIO())
            patch.setattr(console, "file", output)
            patch.setattr(connection, "_open_lakes", {})
            # A command reads the project as it is now; another one before it may have changed it.
            read_manifest.cache_clear()
            try:
                main()
                code = 0
            except SystemExit as exit_:
                code = int(exit_.code or 0)
            finally:
                for lake in connection._open_lakes.values():
                    lake.close()
        return code, output.getvalue(), errors.getvalue()

    @staticmethod
    def error_of(command: subprocess.Popen[str]) -> str:
        """The one message, with its hint, of a started command that must fail."""
        output, errors = command.communicate(timeout=600)
        return _the_error(command.returncode, output, errors)

    def counts(self) -> dict[str, int]:
        """Rows on each station of the way."""
        return self.rows(_COUNTS)[0]

    def rows(self, query: str) -> list[dict[str, Any]]:
        """The rows of a query."""
        with self.reader() as read:
            return read(query)

    @contextmanager
    def counter(self) -> Iterator[Callable[[], dict[str, int]]]:
        """The counts as of each call, by one reader for all of them."""
        with self.reader() as read:
            yield lambda: read(_COUNTS)[0]

    @contextmanager
    def reader(self) -> Iterator[Callable[[str], list[dict[str, Any]]]]:
        """Somebody who reads, in this process: a command takes seconds to start."""
        with read_only_lake(load_settings(self.environment)) as lake:
            yield lambda query: lake.execute(query).to_arrow_table().to_pylist()

    def land_good(self, name: str, reviews: int = 60) -> None:
        """Lands a file of good reviews that no other file holds."""
        file = self.state / f"{name}.jsonl"
        with file.open("w") as lines:
            for number in range(reviews):
                review = {
                    "rating": float(1 + number % 5),
                    "title": f"Number {number} of {name}",
                    "text": f"What I think of it, for the {number}th time, is told in {name}.",
                    "asin": f"B{number:09}",
                    "parent_asin": f"B{number:09}",
                    "user_id": f"{name}{number}",
                    "timestamp": 1_755_000_000_000 + number * 60_000,
                    "helpful_vote": 0,
                    "verified_purchase": True,
                }
                lines.write(json.dumps(review) + "\n")
        settings = load_settings(self.environment)
        land_files([file], source="reviews", landing=settings.landing_path, s3=settings.s3_access)
        self.landed += reviews

    def assert_nothing_half_done(self, before: dict[str, int]) -> None:
        """Each table holds all of what is new or nothing of it, and the ledger says the same."""
        now = self.counts()
        assert now["raw"] == now["loaded"]
        assert now["rejected"] == now["refused"]
        assert now["lines"] == now["loaded"] + now["refused"]
        assert now["predicted"] == now["scored"]
        new = self.base["raw"] + self.landed - before["raw"]
        for table in ("raw", "features", "scored", "outcomes"):
            complete = self.base[table] + self.landed
            assert now[table] in (before[table], before[table] + new, complete), table

    def assert_exact(self) -> None:
        """Everything landed is loaded, accounted for and scored, once."""
        now = self.counts()
        for table in ("raw", "loaded", "lines", "features", "scored", "predicted", "outcomes"):
            assert now[table] == self.base[table] + self.landed, table
        for table in ("rejected", "refused", "quarantined", "duplicate"):
            assert now[table] == self.base[table], table
        accounted = self.rows(
            "select max_by(balanced, accounted_at) as balanced,"
            " max_by(clean, accounted_at) as clean from row_accounting where source = 'reviews'"
        )
        assert accounted == [{"balanced": True, "clean": now["features"]}]

    def when_logged(self, text: str, command: subprocess.Popen[str]) -> None:
        """Waits until the running command's log says the text."""
        log = self.state / "logs" / "run.log"
        size = self.logged
        deadline = time.monotonic() + 300
        while text not in log.read_text()[size:]:
            assert command.poll() is None, command.communicate()
            assert time.monotonic() < deadline, log.read_text()[size:]
            time.sleep(0.01)

    def start_run(self) -> subprocess.Popen[str]:
        """Starts `tidemark run`, for `when_logged`."""
        self.logged = len((self.state / "logs" / "run.log").read_text())
        return self.start("run")

    def kill_postgres(self) -> None:
        """Ends the embedded Postgres as a crash would."""
        pid = int((self.state / "postgres" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGQUIT)

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """The lake's disk is full inside the block."""
        filler = self.state / "lake" / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        try:
            yield
        finally:
            filler.unlink()


@contextmanager
def _same_environment() -> Iterator[None]:
    """What the block puts into the environment is gone after it: a run tells dbt of its lake."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _the_error(code: int, output: str, errors: str) -> str:
    """The one message with its hint, checked for being that."""
    lines = errors.splitlines()
    assert code == 1, f"{code}:\n{output}\n{errors}"
    assert [line[:7] for line in lines].count("Error: ") == 1, errors
    assert lines[0].startswith("Error: "), errors
    assert [line[:6] for line in lines].count("Hint: ") == 1, errors
    assert lines[-1].startswith("Hint: "), errors
    assert "Traceback" not in output + errors, output + errors
    return errors


def _command_line(state: Path) -> CommandLine:
    config = state / "tidemark.toml"
    config.touch()
    shutil.copytree(
        ROOT / "dbt_project", state / "dbt_project", ignore=shutil.ignore_patterns("target")
    )
    # The other models would find no rows of theirs among these reviews.
    spec = (ROOT / "ml_assets" / "specs" / "reviews_rating.yaml").read_text()
    assert "source_name: [reviews]" in spec
    (state / "specs").mkdir()
    (state / "specs" / "reviews_rating.yaml").write_text(
        spec.replace("source_name: [reviews]", "source_name: [reviews, shop_reviews]")
    )
    return CommandLine(
        state,
        {
            "TIDEMARK_CONFIG": str(config),
            "TIDEMARK_STATE": str(state),
            "TIDEMARK_DBT_PROJECT": str(state / "dbt_project"),
            "TIDEMARK_SPECS": str(state / "specs"),
            "TIDEMARK_THREADS": "2",
        },
    )


@pytest.fixture(scope="session")
def empty() -> Iterator[CommandLine]:
    """A platform on which nothing has run."""
    state = Path(tempfile.mkdtemp(prefix="tm-err-"))
    command_line = _command_line(state)
    yield command_line
    command_line.answer("down")
    shutil.rmtree(state)


@pytest.fixture(scope="session")
def lake_disk(empty: CommandLine) -> Iterator[bool]:
    """Whether the lake is on a small disk of its own, which needs the right to mount one."""
    folder = empty.state / "lake"
    folder.mkdir()
    mount = shutil.which("mount")
    mounted = mount is not None and (
        subprocess.run(
            [mount, "-t", "tmpfs", "-o", "size=48m", "tmpfs", folder],
            check=False,
            capture_output=True,
        ).returncode
        == 0
    )
    yield mounted
    if mounted:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture(scope="session")
def platform(empty: CommandLine, lake_disk: bool) -> CommandLine:
    """A platform with nine months of reviews landed, trained on and scored."""
    generated = empty.state / "generated"
    empty.answer("generate", str(generated), "--rows", "2400")
    # The months behind them drift, which asks for trainings that no test here needs.
    empty.answer("land", "reviews", *map(str, sorted(generated.glob("*.jsonl"))[:9]))
    empty.answer("run")
    empty.base = empty.counts()
    assert empty.base["lines"] == 1800
    assert empty.base["scored"] == empty.base["features"] > 1700
    return empty


@pytest.fixture
def edited(empty: CommandLine) -> Iterator[Callable[[str, str], Path]]:
    """Writes a file of the platform's dbt project or specs; undone after the test."""
    before: dict[Path, str | None] = {}

    def write(path: str, text: str) -> Path:
        file = empty.state / path
        before[file] = file.read_text() if file.exists() else None
        file.write_text(text)
        return file

    yield write
    for file, old in before.items():
        if old is None:
            file.unlink()
        else:
            file.write_text(old)
