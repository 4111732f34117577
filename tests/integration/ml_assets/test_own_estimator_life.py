"""An estimator of one's own with a search, on a real lake and MLflow, until its code changes."""

import importlib
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from ml_assets.artifacts import local_folder
from ml_assets.bundle import load_bundle
from ml_assets.challenger import train_challenger
from ml_assets.evaluation import evaluate, gate_evidence
from ml_assets.model_versions import champion_version
from ml_assets.promotion import decide_promotion
from ml_assets.retraining_state import consider_retraining
from ml_assets.scoring import score_unscored
from ml_assets.spec.document import ModelSpec
from ml_assets.task_engine import LocalEngine
from ml_assets.training_set import build_training_set

pytestmark = [
    pytest.mark.integration,
    # MLflow's own imports warn of its dependencies' futures.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*type hint:UserWarning"),
]
NOW = datetime(2026, 6, 1, tzinfo=UTC)
CODE = """
import numpy as np


class NearestMean:
    def __init__(self, power=0.01):
        self.power = power

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        weights = np.ones(len(y)) if sample_weight is None else sample_weight
        self.means_ = np.stack(
            [np.average(X[y == c], axis=0, weights=weights[y == c]) for c in self.classes_]
        )
        return self

    def predict_proba(self, X):
        far = np.stack([((X - mean) ** 2).sum(axis=1) for mean in self.means_], axis=1)
        near = 1.0 / (1e-6 + far) ** self.power
        return near / near.sum(axis=1, keepdims=True)
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package outside the repository."""
    folder = tmp_path / "outside" / "our_models"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "nearest.py").write_text(CODE)
    # Processes that score find it as they would by PYTHONPATH.
    monkeypatch.syspath_prepend(folder.parent)
    importlib.invalidate_caches()
    yield folder
    for name in ("our_models.nearest", "our_models"):
        sys.modules.pop(name, None)


def _train(world, spec):
    built = build_training_set(
        world.lake, spec, artifact_path=world.artifacts, provenance=world.provenance, now=NOW
    )
    trained = train_challenger(
        world.lake, spec, built, registry=world.registry, provenance=world.provenance, now=NOW
    )
    evaluated = evaluate(
        world.lake, spec, built,
        challenger=trained.version, champion=champion_version(world.lake, spec.name),
        artifact_path=world.artifacts,
    )  # fmt: skip
    evidence = gate_evidence(world.lake, spec, trained.version, artifact_path=world.artifacts)
    verdict = decide_promotion(
        world.lake, spec, trained.version, evidence, registry=world.registry, now=NOW, run_id="r"
    )
    return trained, evaluated, verdict


def test_it_is_searched_recorded_scored_by_processes_and_stale_when_its_code_changes(
    world, spec, package
):
    data = spec.model_dump()
    data["algorithm"] = {
        "name": "estimator",
        "class": "our_models.nearest.NearestMean",
        "preprocessing": {"text_components": 8},
    }
    data["search"] = {"trials": 5, "folds": 2, "parameters": {"power": [1.0, 2.0, 4.0]}}
    data["balancing"] = {"method": "weights"}
    data["gate"]["metric"] = "log_loss"
    spec = ModelSpec.model_validate(data)
    trained, evaluated, verdict = _train(world, spec)
    assert verdict.promoted, verdict.reason
    assert trained.search.best.number > 0
    chosen = dict(trained.search.best.parameters)
    assert trained.parameters == chosen
    # Without a second search: only the balancing differs.
    assert evaluated.without_balancing is not None

    with local_folder(trained.version.bundle_path, world.lake.config) as folder:
        bundle = load_bundle(folder, expected_hash=trained.version.bundle_hash)
    assert bundle.model.parameters == chosen
    run = world.registry._client().get_run(trained.version.mlflow_run_id)
    assert run.data.params["power"] == str(chosen["power"])
    assert run.data.params["class"] == "our_models.nearest.NearestMean"
    files = {
        path.name: path
        for path in Path(world.artifacts).rglob("search/*")
        if trained.version.mlflow_run_id in str(path)
    }
    assert set(files) == {"trials.json", "trials.png"}
    record = json.loads(files["trials.json"].read_text())
    assert record["best"] == trained.search.best.number
    assert len(record["trials"]) == 5

    scored = score_unscored(
        world.lake, spec, champion_version(world.lake, spec.name),
        rescore=False, engine=LocalEngine(2), run_id="r", now=NOW,
    )  # fmt: skip
    assert scored.rows == 1500
    stored = world.lake.table(
        "select feature.*, score.probabilities from lake.ml.scores_stars as score"
        " join lake.marts.stars_features as feature on feature.entity_id = score.entity_key"
        " limit 50"
    )
    probabilities = np.array(stored.column("probabilities").to_pylist())
    np.testing.assert_allclose(probabilities, bundle.model.output(stored), atol=1e-9)

    version = trained.version.version
    decide = {"features_version": "features-1", "now": NOW}
    fresh = consider_retraining(world.lake, spec, **decide)
    assert fresh is None or "code" not in fresh.reason
    (package / "nearest.py").write_text(CODE.replace("1e-6", "1e-5"))
    decision = consider_retraining(world.lake, spec, **decide)
    assert decision.retrain
    assert decision.reason == f"Train: the estimator's code has changed since version {version}."
