"""The main job with lake, landing zone and models on S3, on a server like the real thing."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dagster_project.cli.report import report
from dagster_project.cli.run import run_rounds
from dagster_project.platform import Platform
from dagster_project.settings import load_settings
from demo.reviews import generate_reviews
from lakehouse.landing.files import land_files
from lakehouse.postgres import stop_server
from tests.storage import Storage

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(900),
    # Dagster, dbt and MLflow warn of the futures of their own dependencies.
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture
def platform(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    monkeypatch.setenv("DAGSTER_HOME", "")
    state = Path(tempfile.mkdtemp(prefix="tm-"))
    config = state / "tidemark.toml"
    config.write_text(
        f'state = "{state}"\n'
        f'lake = "{storage.root}/lake"\n'
        f'landing = "{storage.landing}"\n'
        f's3_endpoint = "{storage.s3.endpoint}"\n'
        's3_access_key = "key"\n'
        's3_secret_key = "secret"\n'
    )
    yield Platform(load_settings({"TIDEMARK_CONFIG": str(config)}))
    stop_server(state / "postgres")
    shutil.rmtree(state, ignore_errors=True)


@pytest.mark.parametrize("storage", ["radosgw"], indirect=True)
def test_land_build_train_score_monitor_and_account_on_s3(platform, storage, tmp_path):
    truth = generate_reviews(tmp_path / "reviews", rows=2_400, seed=11)
    settings = platform.settings
    files = sorted((tmp_path / "reviews").glob("*.jsonl"))
    land_files(files, source="reviews", landing=settings.landing_path, s3=settings.s3_access)
    outcomes = run_rounds(platform, rescore=False, retrain=[], quiet=True)
    for outcome in outcomes:
        assert outcome.success, [str(error) for error in outcome.errors]
    (source,) = report(platform)["sources"]
    assert source["lines"] == truth.lines == 2_400
    assert (source["rejected"], source["quarantined"]) == (truth.rejected, truth.quarantined)
    assert source["duplicates"] == truth.exact_duplicates
    assert source["clean"] == source["scored"] == truth.clean
    assert source["balanced"] is True
    lake = platform.lake()
    assert lake.rows("select count(*) > 0 from lake.monitoring.drift") == [(True,)]
    assert lake.rows("select count(*) > 0 from lake.ops.promotions where promoted") == [(True,)]
    # All of it is on S3, MLflow's files included, and none of it on this disk.
    artifacts = storage.files("lake/artifacts")
    assert any(name.endswith("/MLmodel") for name in artifacts)
    assert any("/plots/" in name and name.endswith(".png") for name in artifacts)
    assert any(name.startswith("lake/artifacts/training_sets/") for name in artifacts)
    assert storage.files("lake/tables")
    assert not (settings.state / "lake").exists()
    assert run_rounds(platform, rescore=False, retrain=[], quiet=True) == []
