"""Settings: from environment and file, with errors that name the origin."""

from pathlib import Path

import pytest

from dagster_project.settings import PROJECT_ROOT, load_settings
from lakehouse.errors import TidemarkError


@pytest.fixture
def no_file(tmp_path):
    """An environment whose settings file is empty, whatever stands in the checkout."""
    file = tmp_path / "tidemark.toml"
    file.touch()
    return {"TIDEMARK_CONFIG": str(file)}


def test_without_any_setting_the_state_is_in_the_project(no_file):
    settings = load_settings(no_file)
    assert settings.state == PROJECT_ROOT / ".tidemark"
    assert settings.lake_path == str(PROJECT_ROOT / ".tidemark" / "lake")
    assert settings.landing_path == str(PROJECT_ROOT / ".tidemark" / "landing")


def test_the_environment_wins_over_the_file(tmp_path):
    file = tmp_path / "tidemark.toml"
    file.write_text('memory_limit = "1GB"\nthreads = 1\n')
    settings = load_settings({"TIDEMARK_CONFIG": str(file), "TIDEMARK_THREADS": "3"})
    assert (settings.memory_limit, settings.threads) == ("1GB", 3)


def test_relative_folders_become_absolute_and_s3_stays(no_file):
    settings = load_settings(no_file | {"TIDEMARK_STATE": "x", "TIDEMARK_LAKE": "s3://b/p/"})
    assert settings.state == Path.cwd() / "x"
    assert settings.lake_path == "s3://b/p"


@pytest.mark.parametrize(
    ("name", "value", "fragment"),
    [
        ("THREADS", "many", "TIDEMARK_THREADS"),
        ("THREADS", "0", "greater than or equal to 1"),
        ("MEMORY_LIMIT", "lots", "TIDEMARK_MEMORY_LIMIT"),
        ("LAEK", "x", "there is no setting 'laek'"),
        ("UI_PORT", "70000", "TIDEMARK_UI_PORT"),
        ("S3_ACCESS_KEY", "k", "both or neither"),
    ],
)
def test_a_bad_value_names_its_origin(no_file, name, value, fragment):
    with pytest.raises(TidemarkError, match=fragment):
        load_settings(no_file | {f"TIDEMARK_{name}": value})


def test_all_bad_settings_are_named_at_once(no_file):
    with pytest.raises(TidemarkError) as caught:
        load_settings(no_file | {"TIDEMARK_THREADS": "0", "TIDEMARK_UI_PORT": "x"})
    assert "TIDEMARK_THREADS" in caught.value.message
    assert "TIDEMARK_UI_PORT" in caught.value.message


def test_a_broken_file_is_named(tmp_path):
    file = tmp_path / "tidemark.toml"
    file.write_text("threads = \n")
    with pytest.raises(TidemarkError, match=r"tidemark\.toml is not valid TOML"):
        load_settings({"TIDEMARK_CONFIG": str(file)})


def test_a_named_file_must_exist(tmp_path):
    with pytest.raises(TidemarkError, match="is not there"):
        load_settings({"TIDEMARK_CONFIG": str(tmp_path / "none.toml")})


def test_an_error_does_not_show_a_secret(no_file):
    with pytest.raises(TidemarkError) as caught:
        load_settings(no_file | {"TIDEMARK_S3_SECRET_KEY": "hunter2"})
    assert "hunter2" not in str(caught.value)


def test_secrets_are_not_shown_by_the_settings_either(no_file):
    url = "postgresql://me:hunter2@host/db"
    assert "hunter2" not in repr(load_settings(no_file | {"TIDEMARK_POSTGRES": url}))


def test_encryption_that_the_engine_cannot_ask_for_is_refused_for_a_lake_on_s3(tmp_path):
    given = {"TIDEMARK_CONFIG": str(tmp_path / "tidemark.toml"), "TIDEMARK_S3_ENCRYPTION": "AES256"}
    (tmp_path / "tidemark.toml").touch()
    assert load_settings({**given, "TIDEMARK_LANDING": "s3://b/x"}).s3_encryption == "AES256"
    with pytest.raises(TidemarkError, match="cannot be asked for by DuckDB") as raised:
        load_settings({**given, "TIDEMARK_LAKE": "s3://b/lake"})
    assert "let the bucket encrypt by default" in raised.value.message


@pytest.mark.parametrize("given", [{"ENCRYPTION": "aws:kms"}, {"KMS_KEY": "the-key"}])
def test_a_kms_key_goes_with_its_encryption(no_file, given):
    with pytest.raises(TidemarkError, match="both or neither"):
        load_settings(no_file | {f"TIDEMARK_S3_{name}": value for name, value in given.items()})


def test_a_queue_needs_a_landing_zone_on_s3(tmp_path):
    (tmp_path / "tidemark.toml").touch()
    given = {
        "TIDEMARK_CONFIG": str(tmp_path / "tidemark.toml"),
        "TIDEMARK_LANDING_QUEUE": "https://sqs.eu-central-1.amazonaws.com/1/landed",
    }
    with pytest.raises(TidemarkError, match="landing_queue is for a landing zone on S3"):
        load_settings(given)
    assert load_settings({**given, "TIDEMARK_LANDING": "s3://b/x"}).landing_queue
