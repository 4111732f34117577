"""dbt out of the warm process answers as the cold one does, and neither outlives its run."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from dagster_project.dbt_client import SERVER_VARIABLE
from dagster_project.dbt_server import warm_dbt
from dagster_project.manifest import dbt_arguments

pytestmark = pytest.mark.integration

CLIENT = str(Path(sys.executable).parent / "tidemark-dbt")
# For hours: three loops of the length that Jinja allows.
BUSY = "{% macro busy() %}" + "{% for i in range(90000) %}" * 3 + "{% endfor %}" * 3
PROJECT = {
    "dbt_project.yml": "name: small\nversion: '1.0'\nprofile: small\n",
    "profiles.yml": "small: {target: t, outputs: {t: {type: duckdb, path: ':memory:'}}}\n",
    "models/good.sql": "select 1 as one",
    "models/bad.sql": "select nothing",
    "macros/busy.sql": BUSY + "{% endmacro %}",
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    return _project(tmp_path_factory.mktemp("warm"))


def _project(folder: Path) -> SimpleNamespace:
    for name, text in PROJECT.items():
        file = folder / "project" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return SimpleNamespace(dbt_project=folder / "project", state=folder)


@pytest.fixture(scope="module", params=["warm", "cold"])
def place(request, settings):
    """Both ways to run dbt; the cold one with the address of a server that is gone.

    One server for all tests: it takes longer to start than any of them.
    """
    if request.param == "warm":
        with warm_dbt(settings):
            yield request.param
    else:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(SERVER_VARIABLE, str(settings.state / "nobody"))
            yield request.param


def _arguments(settings: SimpleNamespace, *command: str) -> list[str]:
    return [CLIENT, *command, *dbt_arguments(settings, settings.state / "target")]


def _dbt(settings: SimpleNamespace, *command: str) -> subprocess.CompletedProcess[str]:
    target = str(settings.state / "target")
    return subprocess.run(
        _arguments(settings, *command),
        env={**os.environ, "DBT_TARGET_PATH": target},
        capture_output=True,
        text=True,
        check=False,
    )


def _until(condition: Callable[[], bool]) -> None:
    for _ in range(300):
        if condition():
            return
        time.sleep(0.1)
    pytest.fail("not within 30 s")


def _processes(settings: SimpleNamespace) -> int:
    """How many processes there are on the project: servers, their forks and cold ones."""
    found = subprocess.run(
        ["pgrep", "-c", "-f", f"(dbt_server|bin/dbt run-operation) .*{settings.dbt_project}"],
        capture_output=True,
        text=True,
        check=False,
    )
    return int(found.stdout)


# Those without `place` come first: its servers stay until the module's end.


def test_the_server_ends_with_the_block_and_leaves_nothing(tmp_path):
    settings = _project(tmp_path)
    before = _processes(settings)
    with warm_dbt(settings):
        address = Path(os.environ[SERVER_VARIABLE])
        with warm_dbt(settings):  # the same server
            assert os.environ[SERVER_VARIABLE] == str(address)
        _until(lambda: _processes(settings) == before + 1)
    assert _processes(settings) == before
    assert not address.parent.exists()
    assert SERVER_VARIABLE not in os.environ


def test_a_parse_tells_of_the_project_as_it_is_now(tmp_path):
    settings = _project(tmp_path)
    manifest = settings.state / "target" / "manifest.json"
    with warm_dbt(settings):
        assert _dbt(settings, "parse").returncode == 0
        assert "model.small.later" not in json.loads(manifest.read_text())["nodes"]
        (settings.dbt_project / "models" / "later.sql").write_text("select 2 as two")
        assert _dbt(settings, "parse").returncode == 0
        assert "model.small.later" in json.loads(manifest.read_text())["nodes"]
        assert _dbt(settings, "run", "--select", "later").returncode == 0


def test_a_project_that_cannot_be_parsed_is_told_by_the_build(tmp_path):
    settings = _project(tmp_path)
    (settings.dbt_project / "models" / "broken.sql").write_text("{{ ref('nobody') }}")
    with warm_dbt(settings):
        result = _dbt(settings, "parse")
    assert result.returncode == 2
    assert "nobody" in result.stdout


def test_results_output_and_exit_codes_are_those_of_dbt(settings, place):
    run = _dbt(settings, "run")
    assert (run.returncode, "PASS=1 WARN=0 ERROR=1" in run.stdout) == (1, True)
    results = json.loads((settings.state / "target" / "run_results.json").read_text())["results"]
    assert {result["unique_id"]: result["status"] for result in results} == {
        "model.small.good": "success",
        "model.small.bad": "error",
    }
    assert _dbt(settings, "run", "--no-such-option").returncode == 2


def test_dbt_ends_with_its_client(settings, place):
    before = _processes(settings)
    client = subprocess.Popen(_arguments(settings, "run-operation", "busy"))
    _until(lambda: _processes(settings) > before)
    time.sleep(1)  # into the macro
    client.terminate()
    assert client.wait() != 0
    _until(lambda: _processes(settings) <= before)


def test_dbt_ends_with_the_run_that_started_it(settings, place):
    before = _processes(settings)
    run = subprocess.Popen(
        ["sh", "-c", '"$@"; true', "sh", *_arguments(settings, "run-operation", "busy")],
        stdout=subprocess.PIPE,
    )
    assert run.stdout is not None
    _until(lambda: _processes(settings) > before)
    time.sleep(1)
    run.kill()
    run.wait()
    _until(lambda: _processes(settings) <= before)
    run.communicate()  # ends when the client has closed it too
