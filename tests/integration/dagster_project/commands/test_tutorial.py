"""The tutorial's commands, run in their order: they do what the page shows."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.integration.dagster_project.commands.conftest import CommandLine

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(600),
    # Dagster warns of the futures of its own dependencies.
    pytest.mark.filterwarnings("ignore"),
]

ROOT = Path(__file__).resolve().parents[4]
_BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_TABLE = re.compile(r"[\u2500-\u257f]")
_CONFIG = "TIDEMARK_CONFIG"
_DECIMAL = re.compile(r"[+-]?\d+\.\d+")


@pytest.fixture
def folder():
    """Takes the place of `~/churn`; short enough for a Postgres socket."""
    folder = Path(tempfile.mkdtemp(prefix="tm-tut-"))
    yield folder
    shutil.rmtree(folder)


def _steps(page: str) -> list[tuple[str, str]]:
    """The blocks of commands, each with the output that is shown for it, or with none."""
    steps: list[tuple[str, str]] = []
    for kind, text in _BLOCK.findall(page):
        if kind == "sh":
            steps.append((text, ""))
        else:
            steps[-1] = (steps[-1][0], text)
    return steps


@pytest.fixture
def project(folder):
    """The command line, to which the tutorial says by itself which project is meant."""
    return CommandLine(folder / "state", {})


def _comparable(text: str) -> str:
    """The text without lines of tables, breaks and decimals."""
    return " ".join(_DECIMAL.sub("#", _TABLE.sub(" ", text)).split())


def _assert_shown(shown: str, output: str) -> None:
    """The parts of what is shown, between lines of three dots, are in the output in their order."""
    rest = _comparable(output)
    for part in re.split(r"^\.\.\.$", shown, flags=re.MULTILINE):
        wanted = _comparable(part)
        assert wanted in rest, f"The tutorial shows:\n{part}\nThe command printed:\n{output}"
        rest = rest[rest.index(wanted) + len(wanted) :]


def _in_shell(commands: str, folder: Path, shell: dict[str, str]) -> str:
    """What the commands print; where they go and what they export stays in `shell`."""
    ran = subprocess.run(
        ["bash", "-c", f"set -euo pipefail\n{commands}\nenv > {folder}/.exported"],
        env=os.environ | shell, cwd=shell["PWD"], text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    exported = (line.partition("=") for line in (folder / ".exported").read_text().splitlines())
    shell.update({name: value for name, _, value in exported if name in (*shell, _CONFIG)})
    return ran.stdout


def test_the_commands_of_the_tutorial_print_what_it_shows(folder, project, monkeypatch):
    page = (ROOT / "docs" / "tutorial.md").read_text().replace("~/churn", str(folder))
    steps = _steps(page)
    assert len(steps) > 10
    tools = str(Path(sys.executable).parent)
    shell = {"PWD": str(ROOT), "PATH": f"{tools}:{os.environ['PATH']}"}
    try:
        for commands, shown in steps:
            if commands.startswith("tidemark "):
                calls = re.split(r"\n(?=tidemark )", commands)
                output = "".join(project.answer(*shlex.split(call)[1:]) for call in calls)
            else:
                output = _in_shell(commands, folder, shell)
                project.environment[_CONFIG] = shell[_CONFIG]
                monkeypatch.chdir(shell["PWD"])
            _assert_shown(shown, output)
    finally:
        if project.environment:
            project.answer("down")
