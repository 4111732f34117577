"""Dagster's folder: written from the settings, without a password on the disk."""

from types import SimpleNamespace

import pytest
import yaml

from dagster_project.instance import (
    POSTGRES_VARIABLE,
    dagster_environment,
    open_instance,
    write_instance_config,
)
from dagster_project.settings import ServerUrls


@pytest.fixture
def settings(tmp_path):
    url = "postgresql://u:hidden@h/"
    return SimpleNamespace(
        dagster_home=tmp_path / "state" / "dagster",
        log_folder=tmp_path / "state" / "logs",
        server=ServerUrls(f"{url}lake", f"{url}dagster", f"{url}mlflow"),
    )


def test_the_configuration_reads_the_url_from_the_environment(settings):
    write_instance_config(settings)
    text = (settings.dagster_home / "dagster.yaml").read_text()
    config = yaml.safe_load(text)
    assert config["storage"]["postgres"]["postgres_url"] == {"env": POSTGRES_VARIABLE}
    assert config["telemetry"] == {"enabled": False}
    assert "hidden" not in text
    assert (settings.dagster_home / ".nux" / "nux.yaml").exists()
    environment = dagster_environment(settings)
    assert environment[POSTGRES_VARIABLE] == "postgresql+psycopg2://u:hidden@h/dagster"
    assert environment["DAGSTER_HOME"] == str(settings.dagster_home)


def test_an_unchanged_file_is_not_written_again_and_a_changed_one_is(settings):
    write_instance_config(settings)
    file = settings.dagster_home / "dagster.yaml"
    text, written = file.read_text(), file.stat().st_mtime_ns
    write_instance_config(settings)
    assert file.stat().st_mtime_ns == written
    file.write_text("edited: true\n")
    write_instance_config(settings)
    assert file.read_text() == text


def test_the_instance_opens_with_its_environment_set(settings, monkeypatch):
    import os

    import dagster as dg

    for name in dagster_environment(settings):
        monkeypatch.setenv(name, "before")
    seen = []
    instance = SimpleNamespace(optimize_for_webserver=lambda **_: None)
    monkeypatch.setattr(
        dg.DagsterInstance, "get", lambda: seen.append(os.environ["DAGSTER_HOME"]) or instance
    )
    assert open_instance(settings) is instance
    assert seen == [str(settings.dagster_home)]
