"""`tidemark up --s3`: what is dropped is scored, drift alarms and retrains, pages show it.

One file, so that one worker runs all of it: the platform is started once. With UPDATE_SCREENSHOTS=1
the pictures in docs/images are taken anew.
"""

import json
import os
import stat
import tomllib
import urllib.request
from pathlib import Path

import psutil
import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]
IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"


def test_the_platform_on_s3_has_private_settings_and_one_line_to_use_them(running, said, outer):
    file = outer.state / "s3" / "tidemark.toml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert 'memory_limit = "2GB"' in file.read_text()
    assert f"unset TIDEMARK_STATE; export TIDEMARK_CONFIG={file}" in said


def test_the_s3_server_s_keys_are_in_no_argument(running):
    pid = int((running.state / "run" / "s3.pid").read_text().split()[0])
    settings = tomllib.loads((running.state / "tidemark.toml").read_text())
    arguments = " ".join(psutil.Process(pid).cmdline())
    assert "serve s3" in arguments
    assert settings["s3_secret_key"] not in arguments


def test_a_dropped_file_is_scored_by_a_trained_champion(scored):
    rows = scored.rows("select to_version, promoted, reason from promotions order by snapshot_id")
    assert rows[0]["promoted"], "the baseline serves first"
    assert len(rows) >= 2, "and a challenger was judged"
    versions = scored.rows("select distinct model_version from scores_reviews_rating")
    assert versions


def test_each_first_training_was_asked_for_once(scored):
    rows = scored.rows("select reason from retraining_decisions where retrain")
    assert [row["reason"] for row in rows].count("Train: there is no trained version yet.") == 1


def test_drift_raises_the_alarm_and_one_retraining(drifted):
    alarms = drifted.rows("select kind, message from alarms where kind = 'drift'")
    assert alarms
    decisions = drifted.rows(
        "select reason from retraining_decisions where retrain and evidence <> '[]'"
    )
    assert len(decisions) == 1, decisions


def test_the_gate_has_given_its_verdict_in_words(drifted):
    verdict = drifted.rows(
        "select promoted, reason from promotions order by snapshot_id desc limit 1"
    )[0]
    assert verdict["reason"]


def test_every_line_is_accounted_for(drifted):
    rows = drifted.rows(
        "select lines, balanced from row_accounting where source = 'reviews'"
        " order by accounted_at desc limit 1"
    )
    assert rows == [{"lines": 9000, "balanced": True}]


def test_sensors_are_on_and_freshness_is_declared(drifted):
    query = """{ repositoriesOrError { ... on RepositoryConnection { nodes {
        sensors { name sensorState { status } }
        assetNodes { assetKey { path } internalFreshnessPolicy { __typename } } } } } }"""
    request = urllib.request.Request(
        f"http://127.0.0.1:{drifted.ui_port}/graphql",
        data=json.dumps({"query": query}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        repository = json.load(response)["data"]["repositoriesOrError"]["nodes"][0]
    sensors = {one["name"]: one["sensorState"]["status"] for one in repository["sensors"]}
    assert {
        "landed_files",
        "retraining_reviews_rating",
        "alert_on_failed_checks",
        "alert_on_failed_runs",
        "alert_on_stale_tables",
    } <= set(sensors)
    assert set(sensors.values()) == {"RUNNING"}
    fresh = {
        "/".join(node["assetKey"]["path"])
        for node in repository["assetNodes"]
        if node["internalFreshnessPolicy"]
    }
    assert {"raw/reviews", "marts/review_features", "ml/scores_reviews_rating"} <= fresh


def test_the_mlflow_ui_answers_and_shows_files_on_s3(drifted):
    (version,) = drifted.rows("select mlflow_run_id from model_versions where model_version = 1")
    url = f"http://127.0.0.1:{drifted.mlflow_port}"
    with urllib.request.urlopen(url, timeout=30) as page:
        assert page.status == 200
    listing = f"{url}/api/2.0/mlflow/artifacts/list?run_id={version['mlflow_run_id']}&path=model"
    with urllib.request.urlopen(listing, timeout=30) as answer:
        found = json.load(answer)
    assert found["root_uri"].startswith("s3://tidemark/lake/artifacts/mlflow/")
    assert "model/MLmodel" in {file["path"] for file in found["files"]}


def test_tables_and_models_are_on_s3_and_not_on_this_disk(drifted):
    lake = drifted.state / "objects" / "tidemark" / "lake"
    assert any((lake / "tables").rglob("*.parquet"))
    assert any((lake / "artifacts").rglob("MLmodel"))
    assert not (drifted.state / "lake").exists()


def test_a_run_by_command_beside_the_daemon_does_no_harm(drifted):
    scored = "select count(*) as n, count(distinct review_id) as reviews from reviews_scored"
    before = drifted.rows(scored)
    drifted.run("run")
    assert drifted.rows(scored) == before
    assert before[0]["n"] == before[0]["reviews"] > 8_000


def test_status_shows_the_servers(drifted):
    found = json.loads(drifted.run("status", "--json").stdout)
    for server in ("s3", "dagster-daemon"):
        assert "process" in found["servers"][server]
    assert found["models"][0]["model"] == "reviews_rating"


def _picture(page, name: str, folder: Path) -> Path:
    target = (IMAGES if os.environ.get("UPDATE_SCREENSHOTS") == "1" else folder) / f"{name}.png"
    page.screenshot(path=target)
    return target


def test_the_asset_graph_shows_the_whole_way(drifted, page, tmp_path):
    page.goto(
        f"http://127.0.0.1:{drifted.ui_port}/assets/marts/reviews_scored"
        "?view=lineage&lineageScope=upstream&lineageDepth=20"
    )
    for name in ("stg_reviews", "review_features", "training_set", "challenger", "champion"):
        page.get_by_text(name).first.wait_for(timeout=60_000)
    page.wait_for_timeout(3_000)
    assert _picture(page, "asset-graph", tmp_path).stat().st_size > 10_000


def test_a_check_shows_its_plot(drifted, page, tmp_path):
    page.goto(
        f"http://127.0.0.1:{drifted.ui_port}/assets/reviews_rating/drift"
        "?view=checks&checkDetail=no_drift"
    )
    page.get_by_text("Show Markdown").first.click(timeout=60_000)
    plot = page.locator("img[src^='data:image/png']").first
    plot.wait_for(timeout=10_000)
    assert plot.bounding_box()["width"] > 200
    page.wait_for_timeout(1_000)
    assert _picture(page, "drift-check", tmp_path).stat().st_size > 10_000
