"""The lake's configuration."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from lakehouse.config import LakeConfig, S3Config

CONFIG = LakeConfig(
    postgres_url=SecretStr("postgresql://u:hidden@h/d"),
    data_path="/lake/",
    state_folder=Path("/state"),
)


def test_only_s3_paths_are_remote():
    assert not CONFIG.is_remote
    assert CONFIG.model_copy(update={"data_path": "s3://b/lake/"}).is_remote


def test_folders_hang_below_the_state():
    assert CONFIG.extension_folder == Path("/state/duckdb_extensions")
    assert CONFIG.temporary_folder == Path("/state/tmp")


def test_secrets_are_not_shown():
    s3 = S3Config(access_key=SecretStr("hidden"), secret_key=SecretStr("hidden"))
    assert "hidden" not in f"{CONFIG!r} {CONFIG.model_dump_json()} {s3!r} {s3.model_dump_json()}"


@pytest.mark.parametrize("change", [{"threads": 0}, {"thread": 2}])
def test_impossible_or_unknown_values_are_refused(change):
    with pytest.raises(ValidationError):
        LakeConfig.model_validate(CONFIG.model_dump() | change)


def test_it_is_a_key_and_cannot_change():
    assert {CONFIG: 1}[CONFIG.model_copy()] == 1
    with pytest.raises(ValidationError):
        CONFIG.threads = 3
