"""The dbt manifest is parsed when the project has changed, and only then."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from dagster_project import manifest as module
from dagster_project.manifest import dbt_arguments, executable, manifest_file, read_manifest
from lakehouse.config import LakeConfig
from lakehouse.errors import TidemarkError


@pytest.fixture
def project(tmp_path):
    """Settings of a small dbt project."""
    folder = tmp_path / "project"
    (folder / "models").mkdir(parents=True)
    (folder / "dbt_project.yml").write_text(
        "name: small\nversion: '1.0'\nprofile: small\nmodel-paths: [models]\n"
    )
    (folder / "profiles.yml").write_text(
        "small:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: ':memory:'}\n"
    )
    (folder / "models" / "one.sql").write_text("select 1 as n")
    config = LakeConfig(
        postgres_url="postgresql:///none", data_path=f"{tmp_path}/lake/", state_folder=tmp_path
    )
    return SimpleNamespace(state=tmp_path / "state", dbt_project=folder, lake_config=config)


def test_a_project_that_dbt_cannot_parse_shows_what_dbt_says(project):
    (project.dbt_project / "models" / "one.sql").write_text("select {{ ref('missing') }}")
    with pytest.raises(TidemarkError, match="'missing'") as raised:
        manifest_file(project)
    assert "cannot parse" in raised.value.message
    assert "tidemark check" in raised.value.hint


@pytest.fixture
def parses(monkeypatch):
    """Counts dbt's calls instead of making them."""
    calls = []

    def parse(settings, target):
        calls.append(target)
        target.mkdir(parents=True, exist_ok=True)
        (target / "manifest.json").write_text("{}")

    monkeypatch.setattr(module, "_parse", parse)
    return calls


def test_an_unchanged_project_is_parsed_once(project, parses):
    assert read_manifest(manifest_file(project)) == read_manifest(manifest_file(project)) == {}
    assert len(parses) == 1


@pytest.mark.parametrize(
    ("name", "parsed"),
    [("models/two.sql", 2), ("models/one.sql", 2), ("seeds/s.csv", 2), ("target/x.sql", 1),
     ("README.md", 1)],
)  # fmt: skip
def test_only_source_files_ask_for_another_parse(project, parses, name, parsed):
    manifest_file(project)
    file = project.dbt_project / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("changed")
    manifest_file(project)
    assert len(parses) == parsed


def test_a_removed_or_renamed_file_asks_for_another_parse(project, parses):
    manifest_file(project)
    models = project.dbt_project / "models"
    (models / "one.sql").rename(models / "two.sql")
    manifest_file(project)
    (models / "two.sql").unlink()
    manifest_file(project)
    assert len(parses) == 3


def test_a_parse_that_fails_is_made_again(project, monkeypatch, parses):
    def failing(*_):
        raise TidemarkError("no", hint="no")

    with monkeypatch.context() as patch:
        patch.setattr(module, "_parse", failing)
        with pytest.raises(TidemarkError):
            manifest_file(project)
    manifest_file(project)
    assert len(parses) == 1


def test_dbt_is_the_one_beside_the_interpreter(monkeypatch, tmp_path):
    found = subprocess.run([executable("dbt"), "--version"], capture_output=True, check=False)
    assert found.returncode == 0
    (tmp_path / "dbt").touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert executable("dbt") == str(tmp_path / "dbt")
    (tmp_path / "dbt").unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TidemarkError, match="dbt is not installed"):
        executable("dbt")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "dbt").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "elsewhere"))
    assert Path(executable("dbt")) == tmp_path / "elsewhere" / "dbt"


def test_a_changed_project_is_read_whole_since_times_of_files_may_return(project, parses):
    target = project.state / "elsewhere"
    assert "--no-partial-parse" in dbt_arguments(project, target)
    manifest_file(project)
    partial = project.state / "dbt" / "parsed" / "partial_parse.msgpack"
    partial.write_text("as it was read")
    assert "--no-partial-parse" not in dbt_arguments(project, target)
    assert (target / partial.name).read_text() == "as it was read"
    (project.dbt_project / "models" / "one.sql").write_text("select 2 as n")
    assert "--no-partial-parse" in dbt_arguments(project, target)
