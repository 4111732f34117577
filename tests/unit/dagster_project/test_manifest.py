"""Identity of the dbt code: it changes with what results depend on, and with nothing else."""

import copy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from dagster_project import manifest as module
from dagster_project.manifest import (
    executable,
    features_versions,
    manifest_file,
    manifest_hash,
    read_manifest,
)
from lakehouse.config import LakeConfig
from lakehouse.errors import TidemarkError


def _node(checksum: str, *parents: str) -> dict:
    return {
        "name": "?",
        "checksum": {"checksum": checksum},
        "depends_on": {"nodes": list(parents)},
    }


@pytest.fixture
def manifest():
    """stg <- features, stg <- other; a test and a source hang on them."""
    nodes = {
        "model.p.stg": _node("1", "source.p.raw.reviews"),
        "model.p.features": _node("2", "model.p.stg"),
        "model.p.other": _node("3", "model.p.stg"),
        "test.p.unique": _node("4", "model.p.stg"),
    }
    for key, node in nodes.items():
        node["name"] = key.rsplit(".", 1)[-1]
    macros = {
        "macro.p.clean": {"package_name": "p", "macro_sql": "m1"},
        "macro.dbt.run": {"package_name": "dbt", "macro_sql": "d1"},
    }
    return {"metadata": {"project_name": "p"}, "nodes": nodes, "macros": macros}


def _changed(manifest, *path_and_value):
    changed = copy.deepcopy(manifest)
    *path, last, value = path_and_value
    part = changed
    for key in path:
        part = part[key]
    part[last] = value
    return changed


def _models_that_differ(one, other) -> set[str]:
    before, after = features_versions(one), features_versions(other)
    return {name for name in before if before[name] != after[name]}


@pytest.mark.parametrize(
    ("key", "differing"),
    [
        ("model.p.stg", {"stg", "features", "other"}),
        ("model.p.features", {"features"}),
        ("test.p.unique", set()),
    ],
)
def test_a_change_reaches_the_models_behind_it(manifest, key, differing):
    changed = _changed(manifest, "nodes", key, "checksum", "checksum", "new")
    assert _models_that_differ(manifest, changed) == differing
    assert (manifest_hash(manifest) != manifest_hash(changed)) == bool(differing)


def test_a_macro_of_the_project_changes_all_and_one_of_dbt_none(manifest):
    ours = _changed(manifest, "macros", "macro.p.clean", "macro_sql", "m2")
    theirs = _changed(manifest, "macros", "macro.dbt.run", "macro_sql", "d2")
    assert _models_that_differ(manifest, ours) == {"stg", "features", "other"}
    assert _models_that_differ(manifest, theirs) == set()


def test_the_text_functions_count_as_code(manifest, monkeypatch):
    before = manifest_hash(manifest)
    monkeypatch.setattr("lakehouse.text.TEXT_FUNCTIONS_VERSION", "another")
    assert manifest_hash(manifest) != before


def test_the_order_in_the_file_does_not_matter(manifest):
    turned = manifest | {"nodes": dict(reversed(manifest["nodes"].items()))}
    assert manifest_hash(turned) == manifest_hash(manifest)
    assert features_versions(turned) == features_versions(manifest)


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
