"""What surrounds the dbt models: unit tests, parsing, freshness, secrets, text functions."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from lakehouse.config import LakeConfig
from lakehouse.connection import Lake
from lakehouse.dbt_environment import dbt_environment

pytestmark = pytest.mark.integration

PASSWORD = "a-password-that-nobody-may-read"  # noqa: S105 - what the tests look for
GOOD = {
    "rating": "4.0",
    "title": "&iexcl;Hola!",
    "text": "Un lugar maravilloso para pasar la tarde",
    "images": "[]",
    "asin": "B1",
    "user_id": "u",
    "timestamp": "1600000000123",
    "verified_purchase": "true",
}


def test_dbt_unit_and_data_tests_pass_on_good_and_bad_rows(
    lake: Lake, landing: Any, run_dbt: Callable[..., Any]
) -> None:
    landing.load("file", [GOOD, GOOD, GOOD | {"rating": "6"}, GOOD | {"text": " ", "rating": None}])
    run_dbt("build", "--exclude", "tag:after_scoring")
    assert lake.rows(
        "select text, title, language, rating, title_words, uppercase_share, image_count,"
        " strftime(review_at, '%Y-%m-%d %H:%M:%S.%g') from lake.marts.review_features"
    ) == [(GOOD["text"], "¡Hola!", "es", 4, 1, 1 / 34, 0, "2020-09-13 12:26:40.123")]
    assert lake.rows(
        "select rating_raw, rules from lake.intermediate.int_reviews_quarantined order by _line"
    ) == [("6", ["rating_out_of_range"]), (None, ["rating_not_a_number", "text_missing"])]

    result = run_dbt(
        "test", "--select", "test_type:unit", "--exclude", "tag:after_scoring", unit_tests=True
    )
    passed = re.search(r"PASS=(\d+) WARN=0 ERROR=0", result.stdout)
    assert passed is not None, result.stdout
    assert int(passed[1]) >= 8


def test_stale_files_are_reported(lake: Lake, landing: Any, run_dbt: Callable[..., Any]) -> None:
    landing.load("file", [GOOD])
    result = run_dbt("source", "freshness", check=False)
    assert result.returncode != 0
    assert "ERROR STALE" in result.stdout


def test_the_project_is_parsed_without_a_lake(tmp_path: Path, dbt: Callable[..., Any]) -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("DBT_", "TIDEMARK_"))}
    folder = str(tmp_path)
    result = dbt("parse", "--target-path", folder, "--log-path", folder, env=env)
    assert result.returncode == 0, result.stdout
    assert (tmp_path / "manifest.json").exists()


@pytest.mark.parametrize("reachable", [True, False])
def test_secrets_are_in_no_output_and_no_file_whether_the_lake_answers_or_not(
    lake: Lake,
    lake_config: LakeConfig,
    tmp_path: Path,
    dbt: Callable[..., Any],
    *,
    reachable: bool,
) -> None:
    url = lake_config.postgres_url.get_secret_value()
    url = url.replace("postgres@", f"postgres:{PASSWORD}@")
    config = lake_config.model_copy(
        update={"postgres_url": SecretStr(url if reachable else url + "/nowhere")}
    )
    env = {**os.environ, **dbt_environment(config, target_path=tmp_path)}
    result = dbt("--debug", "debug", env=env)
    assert (result.returncode == 0) == reachable, result.stdout
    assert ("Connection test: [OK" in result.stdout) == reachable
    assert (tmp_path / "dbt.log").exists()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    written = [result.stdout.encode(), result.stderr.encode(), *(p.read_bytes() for p in files)]
    assert not any(PASSWORD.encode() in text for text in written)


@pytest.mark.parametrize("storage", ["rclone"], indirect=True)
def test_dbt_builds_in_a_lake_on_s3(
    lake: Lake,
    tmp_path: Path,
    dbt: Callable[..., Any],
    landing_in: Callable[[Lake], Any],
) -> None:
    landing_in(lake).load("file", [GOOD])
    env = {**os.environ, **dbt_environment(lake.config, target_path=tmp_path)}
    result = dbt("run", "--exclude", "tag:after_scoring", env=env)
    assert result.returncode == 0, result.stdout
    assert lake.rows("select count(*) from lake.marts.review_features") == [(1,)]
