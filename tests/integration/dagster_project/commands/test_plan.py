"""`tidemark plan` tells what the next run would do, and changes nothing."""

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from dagster_project.settings import load_settings

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(900),
    # Dagster warns of the futures of its own dependencies.
    pytest.mark.filterwarnings("ignore"),
]


def _rows(platform) -> Iterator[tuple[str, int]]:
    """Every table of the three databases with its rows."""
    server = load_settings(platform.environment).server
    for url in (server.lake, server.dagster, server.mlflow):
        with psycopg.connect(url) as connection:
            tables = connection.execute(
                "select schemaname, tablename from pg_tables where schemaname not in"
                " ('pg_catalog', 'information_schema')"
            ).fetchall()
            for schema, table in tables:
                query = sql.SQL("select count(*) from {}").format(sql.Identifier(schema, table))
                (count,) = connection.execute(query).fetchone()
                yield f"{url}/{schema}.{table}", count


def _files(platform) -> dict[Path, tuple[int, int]]:
    folders = [platform.state / name for name in ("lake", "landing", "specs", "dagster", "logs")]
    files = (file for folder in folders for file in folder.rglob("*") if file.is_file())
    return {file: (file.stat().st_size, file.stat().st_mtime_ns) for file in files}


def _plan(platform) -> tuple[dict, dict[str, dict]]:
    plan = json.loads(platform.answer("plan", "--json"))
    return plan, {f"{step['action']} {step['subject']}": step for step in plan["steps"]}


def test_a_plan_before_the_first_run_needs_no_lake_and_makes_none(platform, tmp_path):
    (tmp_path / "landing" / "reviews").mkdir(parents=True)
    (tmp_path / "landing" / "reviews" / "a.jsonl").write_text("{}\n")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in platform.environment.items():
            patch.setenv(name, value)
        patch.setitem(platform.environment, "TIDEMARK_STATE", str(tmp_path))
        plan, steps = _plan(platform)
    assert steps["ingest reviews"]["files"] == ["reviews/a.jsonl"]
    assert steps["train reviews_rating"]["reason"] == "there is no trained version yet"
    assert plan["seconds"] is None
    assert not (tmp_path / "postgres").exists()
    assert not (tmp_path / "lake").exists()


def test_a_plan_tells_files_rows_changes_and_seconds_and_changes_nothing(platform, edited):
    platform.land_good("to_be_planned", reviews=50)
    spec = (platform.state / "specs" / "reviews_rating.yaml").read_text()
    changed = spec.replace("regularization: 1.0", "regularization: 0.5")
    changed = changed.replace("    - digit_share\n", "")
    assert changed.count("\n") == spec.count("\n") - 1
    edited("specs/reviews_rating.yaml", changed)
    # Of another model, which has no table of scores yet.
    edited("specs/other.yaml", spec.replace("name: reviews_rating", "name: other"))
    mart = platform.state / "dbt_project" / "models" / "marts" / "review_features.sql"
    edited(
        "dbt_project/models/marts/review_features.sql",
        mart.read_text().replace("coalesce(title_counts['words'], 0)", "title_counts['words']"),
    )
    before = dict(_rows(platform)), _files(platform)
    plan, steps = _plan(platform)
    assert (dict(_rows(platform)), _files(platform)) == before

    ingest, build = steps["ingest reviews"], steps["build dbt"]
    assert ingest["files"] == ["reviews/to_be_planned.jsonl"]
    # By the rows of the files before, whose lines are of another length.
    assert 10 < ingest["rows"] < 250
    assert build["rows"] == ingest["rows"]
    assert "dbt: review_features changed;" in build["reason"]
    assert build["reason"].endswith(" unchanged")
    assert build["in_full"] == ["review_features"]
    assert steps["train other"]["reason"] == "there is no trained version yet"
    reason = steps["train reviews_rating"]["reason"]
    assert "features.numeric - digit_share" in reason
    assert "algorithm.parameters.regularization 1.0 -> 0.5" in reason
    assert 0 < build["seconds"] < plan["seconds"] < 600
    assert any(name.startswith("other__") for name in plan["never_ran"])
