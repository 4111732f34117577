"""What a plan needs to know, as it stands in the landing zone and in the lake."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from dagster_project.plan import ExtractionState, ModelState
from dagster_project.rebuilds import record_code
from dagster_project.state import read_state, state_without_lake
from lakehouse.code_versions import CodeVersion
from lakehouse.config import S3Config
from lakehouse.finished_steps import record_finished
from lakehouse.sources import Source
from ml_assets.extraction.table import ensure_extractions_table
from ml_assets.gate import Verdict
from ml_assets.model_versions import ModelVersion, record_decision, record_version
from ml_assets.scoring import ensure_scores_table
from ml_assets.spec.document import ModelSpec
from ml_assets.spec.extraction import ExtractionSpec
from ml_assets.spec.hashing import spec_hash

pytestmark = pytest.mark.integration
NOW = datetime(2026, 6, 1, tzinfo=UTC)
NODE = {"name": "stars_features", "resource_type": "model", "tags": []}


@pytest.fixture
def model_spec():
    return ModelSpec.model_validate(
        {
            "name": "stars",
            "task": "ordinal",
            "table": "stars_features",
            "entity_key": "entity_id",
            "event_time": "happened_at",
            "label": {"column": "stars", "classes": (1, 2, 3)},
            "features": {"numeric": ("words",)},
            "algorithm": {"name": "lightgbm"},
            "split": {"holdout": 0.25},
        }
    )


@pytest.fixture
def platform(lake, tmp_path, model_spec):
    landing = tmp_path / "landing"
    (landing / "reviews").mkdir(parents=True)
    ensure_scores_table(lake, "stars")
    return SimpleNamespace(
        lake=lambda: lake,
        settings=SimpleNamespace(landing_path=str(landing), s3_access=S3Config()),
        sources={"reviews": Source(name="reviews", columns=("text",))},
        accounted_sources=("reviews",),
        has_models_after_scoring=True,
        manifest={"nodes": {}, "sources": {"source.p.ml.scores_stars": {"name": "scores_stars"}}},
        runtime=SimpleNamespace(
            manifest_hash="m1",
            code={"stars_features": CodeVersion("features-1", {"model stars_features": "1"})},
        ),
        good_specs={"stars": model_spec},
        extractions={},
    )


def _land(platform) -> Path:
    file = Path(platform.settings.landing_path) / "reviews" / "a.csv"
    file.write_text("rating\n5\n")
    return file


def _load(lake, file: Path, load_id: int) -> None:
    etag = f"{file.stat().st_size}-{file.stat().st_mtime_ns}"
    with lake.write("ledger") as write:
        write.connection.execute(
            "insert into lake.ops.file_ledger by name select ? as load_id, 'reviews' as source,"
            " ? as bucket, 'reviews/a.csv' as file, ? as etag, 'h' as content_hash, 1 as bytes,"
            " 1 as lines, 1 as loaded, 0 as rejected, 'loaded' as status, now() as loaded_at,"
            " 1 as snapshot_id",
            [load_id, str(file.parent.parent), etag],
        )


def _build(lake, load_id: int, manifest: str) -> None:
    with lake.write("build") as write:
        write.connection.execute(
            "insert into lake.ops.dbt_builds values (?, ?, ?, 'run', ?)",
            [NOW, load_id, manifest, write.snapshot_id],
        )


def _train(lake, spec, version: int, *, promoted: bool) -> None:
    made = ModelVersion(
        model="stars", version=version, algorithm="lightgbm", bundle_path="/nowhere",
        bundle_hash="b", mlflow_run_id="m", training_set_hash="t", features_version="features-1",
        spec_hash=spec_hash(spec), manifest_hash="m1", git_revision="g", source_snapshot_id=1,
        fit_seconds=1.0, predict_seconds=1.0, trained_at=NOW, run_id="run",
    )  # fmt: skip
    record_version(lake, made)
    verdict = Verdict(promoted=promoted, reason="test", criteria=())
    record_decision(lake, made, None, verdict, now=NOW, run_id="run")


def test_an_empty_lake_without_files_asks_nothing_of_its_models(platform):
    state = read_state(platform)
    assert state.pending == {"reviews": 0}
    assert (state.newest_load, state.built_load, state.built_manifest_hash) == (0, None, None)
    assert state.models == ()
    assert state.manifest_hash == "m1"


def test_a_landed_file_is_pending_until_the_ledger_has_it(platform, lake):
    file = _land(platform)
    waiting = read_state(platform)
    assert waiting.pending == {"reviews": 1}
    assert [model.name for model in waiting.models] == ["stars"]
    _load(lake, file, 4)
    loaded = read_state(platform)
    assert (loaded.pending, loaded.newest_load) == ({"reviews": 0}, 4)


def test_a_model_whose_sources_have_no_files_is_left_alone(platform):
    node = {**NODE, "depends_on": {"nodes": ["source.p.raw.other"]}}
    platform.sources["other"] = Source(name="other", columns=("text",))
    platform.manifest = {
        "nodes": {"model.p.stars_features": node},
        "sources": {"source.p.raw.other": {"name": "other"}},
    }
    _land(platform)
    assert read_state(platform).models == ()
    assert state_without_lake(platform).models == ()
    platform.manifest["sources"]["source.p.raw.other"]["name"] = "reviews"
    assert len(read_state(platform).models) == len(state_without_lake(platform).models) == 1


def test_an_extraction_waits_for_files_and_tells_its_rows(platform, lake):
    spec = ExtractionSpec.model_validate(
        {
            "name": "parts",
            "task": "extraction",
            "table": "stars_features",
            "entity_key": "entity_id",
            "event_time": "happened_at",
            "rows": {"kind": ["a", "b"]},
            "extraction": {"columns": ["text"], "fields": {"language": {"language": True}}},
        }
    )
    platform.good_specs, platform.extractions = {}, {"parts": spec}
    ensure_extractions_table(lake, "parts")
    node = {**NODE, "depends_on": {"nodes": ["source.p.raw.reviews"]}}
    platform.manifest["nodes"] = {"model.p.stars_features": node}
    platform.manifest["sources"] = {"source.p.raw.reviews": {"name": "reviews"}}
    assert read_state(platform).extractions == state_without_lake(platform).extractions == ()
    _land(platform)
    untold = (ExtractionState("parts", "there is no version yet", 0),)
    assert read_state(platform).extractions == state_without_lake(platform).extractions == untold
    with lake.write("features") as write:
        write.connection.execute(
            "create table lake.marts.stars_features as select range::varchar as entity_id,"
            " ['a', 'b', 'c'][range % 3 + 1] as kind from range(9)"
        )
    assert read_state(platform).extractions[0].waiting == 6


def test_the_newest_build_counts(platform, lake):
    _build(lake, 1, "m0")
    _build(lake, 3, "m1")
    state = read_state(platform)
    assert (state.built_load, state.built_manifest_hash) == (3, "m1")


def test_a_model_s_rows_wait_until_its_champion_has_scored_them(platform, lake, model_spec):
    _load(lake, _land(platform), 1)
    with lake.write("features") as write:
        write.connection.execute(
            "create table lake.marts.stars_features as"
            " select range::varchar as entity_id from range(5)"
        )
    assert read_state(platform).models == (ModelState("stars", None, 0, built=False),)
    _train(lake, model_spec, 2, promoted=True)
    assert read_state(platform).models == (
        ModelState("stars", None, 5, serves=True, unmonitored=True, built=False),
    )
    with lake.write("scores") as write:
        write.connection.execute(
            "insert into lake.ml.scores_stars values"
            " ('0', 1, '5', 5, 1, [1], null, null, 't', 'f', 1, now(), 'run')"
        )
    assert read_state(platform).models[0].unscored == 4
    assert read_state(platform, rescore=True).models[0].unscored == 5
    on_promotion = model_spec.model_dump()
    on_promotion["scoring"]["rescore"] = "on_promotion"
    platform.good_specs["stars"] = ModelSpec.model_validate(on_promotion)
    assert read_state(platform).models[0].unscored == 5


def test_a_model_waits_for_rows_to_train_on_once_its_table_is_built(platform, lake):
    def reason() -> str | None:
        (model,) = read_state(platform).models
        return model.reason_to_train

    _land(platform)
    assert reason() == "there is no trained version yet"
    with lake.write("features") as write:
        write.connection.execute(
            "create table lake.marts.stars_features"
            " (entity_id varchar, stars integer, happened_at timestamptz)"
        )
    assert reason() is None, "made by other code, as far as is known: what will be in it is open"
    with lake.write("code") as write:
        made = {"stars_features": "features-1"}
        record_code(lake, write, made, built_at=NOW, run_id="run")
    assert reason() is None, "a row may come with the file, and is trained on after it has"
    with lake.write("row") as write:
        write.connection.execute("insert into lake.marts.stars_features values ('a', 5, ?)", [NOW])
    assert reason() == "there is no trained version yet"


def test_what_a_killed_run_left_undone_shows_until_it_is_done(platform, lake, model_spec):
    def left() -> tuple[object, ...]:
        state = read_state(platform)
        unmonitored = [model.unmonitored for model in state.models]
        return state.unprofiled, state.unaccounted, unmonitored, state.unpublished

    def finish(*steps: str) -> None:
        for step, subject in (step.split() for step in steps):
            record_finished(lake, step, subject, snapshot_id=lake.snapshot_id(), run_id="run")

    with lake.write("features") as write:
        write.connection.execute(
            "create table lake.marts.stars_features"
            " (entity_id varchar, stars integer, happened_at timestamptz)"
        )
    _load(lake, _land(platform), 1)
    assert left() == (("reviews",), (), [False], False)
    with lake.write("profile") as write:
        write.connection.execute(
            "insert into lake.monitoring.profiles by name select 'reviews' as source, 'a' as"
            " column_name, 1 as rows, 0 as nulls, now() as profiled_at, 1 as load_id"
        )
    _build(lake, 1, "m1")
    assert left() == ((), ("reviews",), [False], True)
    with lake.write("accounting") as write:
        write.connection.execute(
            "insert into lake.ops.row_accounting values"
            " ('reviews', 1, 1, 0, 1, 0, 0, true, '', now(), ?)",
            [write.snapshot_id],
        )
    finish("dbt_models_after_scoring dbt")
    assert left() == ((), (), [False], False)
    _train(lake, model_spec, 2, promoted=True)
    assert left() == ((), (), [True], True)
    finish("drift stars", "dbt_models_after_scoring dbt")
    assert left() == ((), (), [True], False)
    finish("performance stars")
    assert left() == ((), (), [False], False)
    with lake.write("scores") as write:
        write.connection.execute(
            "insert into lake.ml.scores_stars values"
            " ('0', 1, '5', 5, 1, [1], null, null, 't', 'f', ?, now(), 'run')",
            [write.snapshot_id - 1],
        )
    assert left() == ((), (), [True], True)


def test_a_retraining_that_was_decided_and_did_not_finish_is_asked_for_again(
    platform, lake, model_spec
):
    def decide(moment: datetime, *, retrain: bool, evidence: str) -> None:
        with lake.write("decision") as write:
            write.connection.execute(
                "insert into lake.ops.retraining_decisions values ('stars', 'e', ?, '', ?, ?, 1)",
                [retrain, evidence, moment],
            )

    with lake.write("features") as write:
        write.connection.execute("create table lake.marts.stars_features (entity_id varchar)")
    _load(lake, _land(platform), 1)
    _train(lake, model_spec, 2, promoted=True)
    decide(NOW - timedelta(hours=1), retrain=True, evidence='["drift"]')
    decide(NOW + timedelta(hours=1), retrain=False, evidence='["drift"]')
    decide(NOW + timedelta(hours=1), retrain=True, evidence="[]")
    assert read_state(platform).models[0].reason_to_train is None
    decide(NOW + timedelta(hours=1), retrain=True, evidence='["drift"]')
    assert "was decided after version 2" in read_state(platform).models[0].reason_to_train
