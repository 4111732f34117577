"""The main job on real dbt, Postgres and Dagster: generated reviews against the planted truth,
and real reviews month by month.
"""

import gzip
import html
import json
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from dagster_project.cli.report import report
from dagster_project.cli.run import run_rounds
from dagster_project.plan import plan_run
from dagster_project.platform import Platform
from dagster_project.settings import load_settings
from dagster_project.state import read_state
from demo.reviews import generate_reviews
from lakehouse.landing.files import land_files
from lakehouse.postgres import stop_server
from ml_assets.training_set import newest_training_set
from ml_assets.training_set_check import leakage

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(900),
    # Dagster, dbt and MLflow warn of the futures of their own dependencies.
    pytest.mark.filterwarnings("ignore"),
]
SPEC = "reviews_rating"


@pytest.fixture(scope="module")
def new_platform(monkeypatch_module):
    """Makes platforms on empty state folders of their own, and stops their servers at the end."""
    folders = []

    def make() -> Platform:
        state = Path(tempfile.mkdtemp(prefix="tm-"))
        folders.append(state)
        (state / "tidemark.toml").touch()
        settings = load_settings(
            {"TIDEMARK_STATE": str(state), "TIDEMARK_CONFIG": str(state / "tidemark.toml")}
        )
        return Platform(settings)

    yield make
    for state in folders:
        stop_server(state / "postgres")
        shutil.rmtree(state, ignore_errors=True)


@pytest.fixture(scope="module")
def monkeypatch_module():
    """Keeps what the runs put into the environment from other tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", "")
        yield patch


def _land(platform: Platform, files: list[Path]) -> None:
    settings = platform.settings
    land_files(files, source="reviews", landing=settings.landing_path, s3=settings.s3_access)


def _run(platform: Platform, **options):
    outcomes = run_rounds(platform, **{"rescore": False, "retrain": [], "quiet": True} | options)
    for outcome in outcomes:
        assert outcome.success, [str(error) for error in outcome.errors]
    return outcomes


@pytest.fixture(scope="module")
def demo(new_platform, tmp_path_factory):
    """The demo on 6,000 generated reviews: the stable months first, then the drifted ones."""
    platform, folder = new_platform(), tmp_path_factory.mktemp("demo")
    truth = generate_reviews(folder, rows=6_000, seed=11)
    files = sorted(folder.glob("*.jsonl"))
    _land(platform, files[:9])
    first = _run(platform)
    _land(platform, files[9:])
    second = _run(platform)
    return platform, truth, first, second


def test_every_count_is_what_was_planted(demo):
    platform, truth, _, _ = demo
    source = report(platform)["sources"][0]
    assert source["lines"] == truth.lines == 6_000
    assert source["rejected"] == truth.rejected
    assert source["quarantined"] == truth.quarantined
    assert source["duplicates"] == truth.exact_duplicates
    assert source["clean"] == source["scored"] == truth.clean
    assert source["balanced"] is True
    rules = dict(
        platform.lake().rows(
            "select rule, count(*) from lake.intermediate.int_reviews_quarantined group by rule"
        )
    )
    assert rules == {rule: count for rule, count in truth.quarantined_by_rule.items() if count}


def test_entities_and_mojibake_are_repaired(demo):
    platform, _, _, _ = demo
    assert platform.lake().rows(
        "select count(*) from lake.marts.review_features where regexp_matches(text, '&#?\\w+;')"
        " or text like '%Ã%'"
    ) == [(0,)]


def test_rejected_lines_name_file_line_and_reason(demo):
    platform, truth, _, _ = demo
    rows = platform.lake().rows("select _file, _line, reason from lake.raw.rejected_lines")
    assert len(rows) == truth.rejected
    per_file = Counter(Path(file).name for file, _, _ in rows)
    assert per_file == {name: f.rejected for name, f in truth.files.items() if f.rejected}
    assert all(line > 0 and reason for _, line, reason in rows)


def test_the_challenger_beats_the_baseline_within_the_bound(demo):
    platform, truth, _, _ = demo
    rows = dict(
        platform.lake().rows(
            "select subject, value from lake.ml.evaluations where metric = 'accuracy'"
            " and model_version = 2"
        )
    )
    assert rows["baseline"] + 0.1 < rows["challenger"] < truth.best_accuracy + 0.05


def test_the_baseline_is_version_one_and_the_gate_judged_each_challenger(demo):
    platform, _, _, _ = demo
    rows = platform.lake().rows(
        "select to_version, promoted from lake.ops.promotions order by snapshot_id"
    )
    assert rows[0] == (1, True)
    assert rows[1] == (2, True)
    assert rows[2][0] == 3


def test_the_drift_is_seen_and_only_there(demo):
    platform, truth, _, _ = demo
    months = {
        f"{row[0]:%Y-%m}"
        for row in platform.lake().rows(
            "select distinct window_start from lake.monitoring.drift where drifted"
            " and segment = 'all' and kind = 'feature' and model_version = 2"
        )
    }
    assert months == {name for name in truth.best_accuracy_by_month if name >= truth.drift_from}


def test_the_drift_asked_for_one_retraining(demo):
    platform, _, first, second = demo
    assert len(first) == 1
    assert len(second) == 2
    rows = platform.lake().rows(
        "select count(*) from lake.ops.retraining_decisions where retrain and evidence <> '[]'"
    )
    assert rows == [(1,)]


def test_every_clean_row_has_one_current_score(demo):
    platform, truth, _, _ = demo
    counts = platform.lake().rows(
        "select count(*), count(distinct review_id), min(model_version)"
        " from lake.marts.reviews_scored"
    )
    champion = platform.lake().rows(
        "select max(to_version) from lake.ops.promotions where promoted"
    )[0][0]
    assert counts == [(truth.clean, truth.clean, champion)]


def test_every_score_names_where_it_comes_from(demo):
    platform, _, _, _ = demo
    lake = platform.lake()
    orphans = lake.rows(
        "select count(*) from lake.ml.scores_reviews_rating as score where not exists"
        " (from lake.ml.model_versions as version where version.model_version ="
        " score.model_version and version.training_set_hash = score.training_set_hash)"
    )
    assert orphans == [(0,)]
    assert lake.rows(
        "select count(*) from lake.ml.scores_reviews_rating where snapshot_id is null"
        " or run_id is null or features_version is null"
    ) == [(0,)]


def test_nothing_new_means_nothing_to_do(demo):
    platform, _, _, _ = demo
    snapshot = platform.lake().snapshot_id()
    assert plan_run(read_state(platform)) == ()
    assert _run(platform) == []
    assert platform.lake().snapshot_id() == snapshot


def test_a_replaced_file_replaces_its_rows(demo, tmp_path):
    """Last of the demo's tests: it changes the lake."""
    platform, truth, _, _ = demo
    lake = platform.lake()
    name = "reviews_2025-07.jsonl"
    landed = Path(platform.settings.landing_path) / "reviews" / name
    lines = landed.read_text().splitlines()
    changed = tmp_path / name
    changed.write_text("\n".join(lines[:-20]) + "\n")
    _land(platform, [changed])
    _run(platform)
    source = report(platform)["sources"][0]
    assert source["lines"] == truth.lines - 20
    assert source["balanced"] is True
    assert lake.rows("select count(*) from lake.marts.reviews_scored") == [(source["clean"],)]
    assert lake.rows(
        "select count(*) from lake.marts.review_features as f where not exists"
        " (from lake.staging.stg_reviews as s where s.review_id = f.review_id)"
    ) == [(0,)]


def _expected(files: list[Path]) -> tuple[int, int, int]:
    """Lines, quarantined and duplicates of real reviews, by an independent reading."""
    seen, lines, quarantined, duplicates = set(), 0, 0, 0
    for file in files:
        for line in gzip.decompress(file.read_bytes()).decode().split("\n"):
            if not line:
                continue
            lines += 1
            row = json.loads(line)
            text = html.unescape(html.unescape(row["text"] or "")).strip()
            if not text:
                quarantined += 1
                continue
            title = html.unescape(html.unescape(row["title"] or "")).strip()
            key = (row["user_id"], row["asin"], row["timestamp"], row["rating"], title, text)
            duplicates += key in seen
            seen.add(key)
    return lines, quarantined, duplicates


@pytest.mark.shared_data
def test_musical_instruments_of_ten_years(new_platform, shared_data):
    files = sorted((shared_data / "reviews" / "musical_instruments").glob("*.jsonl.gz"))
    platform = new_platform()
    _land(platform, files)
    _run(platform)
    _check_real(platform, files)


@pytest.mark.shared_data
def test_all_beauty_with_its_many_duplicates(new_platform, shared_data):
    files = [shared_data / "reviews" / "all_beauty" / "reviews.jsonl.gz"]
    platform = new_platform()
    _land(platform, files)
    _run(platform)
    _check_real(platform, files)
    built = newest_training_set(platform.lake(), SPEC)
    rows = pq.read_table(built.path, columns=["text", "_role"]).to_pylist()
    texts = {
        role: {row["text"] for row in rows if row["_role"] == role} for role in ("train", "holdout")
    }
    # Each text stands in three rows on average: that none is on both sides is no accident.
    assert len({row["text"] for row in rows}) < len(rows) / 3
    assert texts["train"].isdisjoint(texts["holdout"])
    assert built.excluded_rows > 0


def _check_real(platform: Platform, files: list[Path]) -> None:
    lines, quarantined, duplicates = _expected(files)
    found = report(platform)
    source = found["sources"][0]
    assert (source["lines"], source["rejected"]) == (lines, 0)
    assert (source["quarantined"], source["duplicates"]) == (quarantined, duplicates)
    assert source["clean"] == lines - quarantined - duplicates == source["scored"]
    assert source["balanced"] is True
    lake = platform.lake()
    spec = platform.good_specs[SPEC]
    built = newest_training_set(lake, SPEC)
    assert leakage(lake, built, spec) is None
    assert built.train_rows + built.holdout_rows + built.excluded_rows == source["clean"]
    subjects = {
        row[0]
        for row in lake.rows("select distinct subject from lake.ml.evaluations where low <= value")
    }
    assert {"challenger", "baseline"} <= subjects
    print(json.dumps(found["models"][SPEC]["metrics"], indent=1))  # noqa: T201 - for the report
