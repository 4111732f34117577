"""A model's life on a real lake and a real MLflow: train, judge, score, drift, retrain."""

import hashlib
import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from lakehouse.errors import TidemarkError
from lakehouse.s3 import aws_environment
from ml_assets.artifacts import local_folder
from ml_assets.bundle import MANIFEST, load_bundle
from ml_assets.challenger import train_challenger
from ml_assets.evaluation import evaluate, gate_evidence, record_evaluation
from ml_assets.labels import target_of
from ml_assets.model_versions import champion_version, newest_version
from ml_assets.monitoring.run import drift_step, performance_step
from ml_assets.promotion import decide_promotion
from ml_assets.retraining_state import consider_retraining
from ml_assets.scoring import count_unscored, score_unscored
from ml_assets.targets.target import metric_values
from ml_assets.task_engine import LocalEngine
from ml_assets.training_set import build_training_set, read_training_set
from ml_assets.training_set_check import leakage
from tests.storage import on_folder_and_s3

pytestmark = [
    pytest.mark.integration,
    # MLflow's own imports warn of its dependencies' futures.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*type hint:UserWarning"),
]
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def _train(world, spec, now=NOW):
    built = build_training_set(
        world.lake, spec, artifact_path=world.artifacts, provenance=world.provenance, now=now
    )
    trained = train_challenger(
        world.lake, spec, built, registry=world.registry, provenance=world.provenance, now=now
    )
    evaluated = evaluate(
        world.lake,
        spec,
        built,
        challenger=trained.version,
        champion=champion_version(world.lake, spec.name),
        artifact_path=world.artifacts,
    )
    record_evaluation(world.lake, evaluated, trained.version, now=now, run_id="run-1")
    evidence = gate_evidence(world.lake, spec, trained.version, artifact_path=world.artifacts)
    verdict = decide_promotion(
        world.lake, spec, trained.version, evidence,
        registry=world.registry, now=now, run_id="run-1",
    )  # fmt: skip
    return built, trained, evaluated, verdict


def _consider(world, spec, now):
    version = world.provenance.features_version
    return consider_retraining(world.lake, spec, features_version=version, now=now)


def _score(world, spec, *, rescore=False, run_id="run-1", workers=1):
    champion = champion_version(world.lake, spec.name)
    return score_unscored(
        world.lake, spec, champion,
        rescore=rescore, engine=LocalEngine(workers), run_id=run_id, now=NOW,
    )  # fmt: skip


def test_the_same_training_again_does_not_beat_itself(world, spec):
    _, first, _, promoted = _train(world, spec)
    _, second, _, verdict = _train(world, spec)
    # The same rows, seed and code: the second meets what serves by now, and predicts the same.
    assert second.version.version == first.version.version + 1
    assert promoted.promoted
    assert not verdict.promoted
    gain = next(one for one in verdict.criteria if one.name == "gain_over_champion")
    assert gain.value == 0
    assert f"champion version {first.version.version}" in gain.explanation


@pytest.mark.parametrize("algorithm", ["linear_text", "lightgbm"])
def test_either_algorithm_beats_the_baseline_and_scores_every_row_once(world, spec, algorithm):
    if algorithm == "lightgbm":
        data = spec.model_dump()
        data["algorithm"] = {"name": "lightgbm", "parameters": {"trees": 30, "text_components": 16}}
        spec = type(spec).model_validate(data)
    built, trained, evaluated, verdict = _train(world, spec)
    assert leakage(world.lake, built, spec) is None
    assert verdict.promoted, verdict.reason
    assert trained.version.version == 2
    assert evaluated.subjects["champion"].version == 1
    values = {
        name: metric_values(target_of(spec), evaluated.label, subject.output)
        for name, subject in evaluated.subjects.items()
    }
    assert values["challenger"]["macro_f1"] > values["baseline"]["macro_f1"] + 0.2
    result = _score(world, spec)
    assert result.rows == 1500
    rows = world.lake.rows(
        "select count(*), count(distinct entity_key), min(model_version), max(model_version),"
        " min(len(probabilities)), max(abs(list_sum(probabilities) - 1)) from lake.ml.scores_stars"
    )
    assert rows[0][:5] == (1500, 1500, 2, 2, 3)
    assert rows[0][5] < 1e-9
    assert _score(world, spec, run_id="run-2").rows == 0


@on_folder_and_s3
def test_scores_are_what_the_kept_bundle_says(world, spec, storage):
    built, trained, _, _ = _train(world, spec)
    assert leakage(world.lake, built, spec) is None
    _score(world, spec)
    stored = world.lake.table(
        "select feature.*, score.probabilities, score.prediction from lake.ml.scores_stars as score"
        " join lake.marts.stars_features as feature on feature.entity_id = score.entity_key"
        " limit 50"
    )
    with local_folder(trained.version.bundle_path, world.lake.config) as bundle:
        model = load_bundle(bundle).model
    np.testing.assert_allclose(
        np.array(stored.column("probabilities").to_pylist()),
        model.output(stored),
        atol=1e-12,
    )
    content = storage.read(
        f"artifacts/training_sets/stars/{built.training_set_hash}/part-0.parquet"
    )
    assert hashlib.sha256(content).hexdigest() == built.training_set_hash


@on_folder_and_s3
def test_mlflow_loads_the_champion_by_its_alias(world, spec, mlflow_url, storage, monkeypatch):
    import mlflow

    _train(world, spec)
    if storage.is_remote:
        # As its server gets them from `tidemark up`.
        for name, value in aws_environment(storage.s3).items():
            monkeypatch.setenv(name, value)
    mlflow.set_tracking_uri(mlflow_url.replace("postgresql://", "postgresql+psycopg://"))
    loaded = mlflow.pyfunc.load_model("models:/stars@champion")
    frame = world.lake.table("from lake.marts.stars_features limit 10").to_pandas()
    predicted = loaded.predict(frame)
    assert set(predicted["prediction"]) <= {1, 2, 3}
    assert list(predicted.columns) == ["prediction", "confidence", "prediction_value"]


def test_a_damaged_bundle_is_refused(world, spec, tmp_path):
    _, trained, _, _ = _train(world, spec)
    copy = tmp_path / "copy"
    shutil.copytree(trained.version.bundle_path, copy)
    manifest = json.loads((copy / MANIFEST).read_text())
    file = copy / next(name for name in manifest["files"] if name.startswith("predictor"))
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(TidemarkError, match="is not what was saved"):
        load_bundle(copy)


def test_no_pickle_is_written(world, spec):
    _train(world, spec)
    suffixes = {path.suffix for path in Path(world.artifacts).rglob("*") if path.is_file()}
    assert not suffixes & {".pkl", ".pickle", ".joblib"}


def test_the_same_rows_give_the_same_training_set(world, spec):
    first, second = (
        build_training_set(
            world.lake, spec, artifact_path=world.artifacts, provenance=world.provenance, now=NOW
        )
        for _ in range(2)
    )
    assert first.training_set_hash == second.training_set_hash
    assert first.path == second.path


def test_labels_that_were_not_known_yet_are_left_out(world, spec):
    data = spec.model_dump()
    data["label"]["delay_days"] = 10
    delayed = type(spec).model_validate(data)
    now = datetime(2026, 3, 1, tzinfo=UTC)
    built = build_training_set(
        world.lake, delayed, artifact_path=world.artifacts, provenance=world.provenance, now=now
    )
    newest = max(read_training_set(world.lake, built.path).column("happened_at").to_pylist())
    assert newest <= now - timedelta(days=10)


def test_cross_validation_reports_each_fold(world, spec):
    data = spec.model_dump()
    data["split"]["folds"] = 3
    _, trained, _, _ = _train(world, type(spec).model_validate(data))
    assert len(trained.cross_validation.values) == 3
    assert 0.5 < trained.cross_validation.mean < 1


@pytest.mark.parametrize("method", ["weights", "undersampling"])
def test_the_effect_of_balancing_is_shown(world, spec, method):
    data = spec.model_dump()
    data["balancing"] = {"method": method}
    _, trained, evaluated, _ = _train(world, type(spec).model_validate(data))
    assert evaluated.without_balancing is not None
    if method == "undersampling":
        assert trained.train_rows < 1125
    rare = evaluated.label == 0
    recalls = [
        (output[rare].argmax(axis=1) == 0).mean()
        for output in (evaluated.subjects["challenger"].output, evaluated.without_balancing)
    ]
    assert recalls[0] >= recalls[1]


def test_scoring_in_worker_processes_gives_the_same_rows(world, spec):
    _train(world, spec)
    result = _score(world, spec, workers=2)
    assert result.rows == 1500
    assert world.lake.rows("select count(distinct entity_key) from lake.ml.scores_stars") == [
        (1500,)
    ]


def test_a_concurrent_run_cannot_double_scores(world, spec, monkeypatch):
    """Two runs that staged the same rows: the second commit leaves out what the first one has."""
    from ml_assets import scoring

    _train(world, spec)
    commit = scoring.TableCommitter.append
    nested = []

    def after_another_run(self, *args, **kwargs):
        if not nested:
            nested.append(True)
            _score(world, spec, run_id="other")
        return commit(self, *args, **kwargs)

    monkeypatch.setattr(scoring.TableCommitter, "append", after_another_run)
    assert _score(world, spec, run_id="mine").rows == 0
    counts = world.lake.rows(
        "select count(*), count(distinct entity_key) from lake.ml.scores_stars"
    )
    assert counts == [(1500, 1500)]


def test_a_new_champion_rescores_only_on_request(world, spec):
    _train(world, spec)
    _score(world, spec)
    version = champion_version(world.lake, "stars")
    newer = replace(version, version=9)
    assert count_unscored(world.lake, spec, newer.version, rescore=False) == 0
    assert count_unscored(world.lake, spec, newer.version, rescore=True) == 1500


def test_drift_is_measured_judged_and_retrained_once(world, spec, append_drifted):
    _train(world, spec)
    _score(world, spec)
    calm = drift_step(world.lake, spec, run_id="run-1", now=NOW)
    assert calm.messages == ()
    assert not _consider(world, spec, NOW).retrain
    assert _consider(world, spec, NOW) is None
    append_drifted()
    _score(world, spec, run_id="run-2")
    drifted = drift_step(world.lake, spec, run_id="run-2", now=NOW)
    assert any("text_words" in message for message in drifted.messages)
    assert drifted.plot is not None
    performance_step(world.lake, spec, run_id="run-2", now=NOW)
    decision = _consider(world, spec, NOW + timedelta(days=30))
    assert decision is not None
    assert decision.retrain, decision.reason
    # The same evidence does not ask again, but a training of which nothing came is asked for once.
    again = _consider(world, spec, NOW + timedelta(days=31))
    assert again.retrain
    assert "its run did not finish" in again.reason
    assert _consider(world, spec, NOW + timedelta(days=32)) is None
    recorded = world.lake.rows(
        "select retrain from lake.ops.retraining_decisions order by decided_at, snapshot_id"
    )
    assert recorded == [(False,), (True,), (True,)]
    assert world.lake.rows("select count(*) > 0 from lake.monitoring.alarms") == [(True,)]


def test_a_challenger_that_does_not_win_leaves_the_champion(world, spec):
    _train(world, spec)
    _, trained, _, verdict = _train(world, spec, now=NOW + timedelta(days=1))
    assert not verdict.promoted
    assert champion_version(world.lake, "stars").version == 2
    assert newest_version(world.lake, "stars").version == trained.version.version == 3
    rows = world.lake.rows(
        "select to_version, promoted from lake.ops.promotions order by snapshot_id"
    )
    assert rows == [(1, True), (2, True), (3, False)]
