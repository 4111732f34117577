"""A forecast's life on a real lake: nobody beats a random walk, and the newest rows are scored."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from ml_assets.challenger import train_challenger
from ml_assets.evaluation import evaluate, gate_evidence
from ml_assets.model_versions import champion_version
from ml_assets.monitoring.run import drift_step, performance_step
from ml_assets.promotion import decide_promotion
from ml_assets.scoring import ensure_scores_table, score_unscored
from ml_assets.spec.document import ModelSpec
from ml_assets.task_engine import LocalEngine
from ml_assets.training_set import build_training_set, count_labelled, read_training_set
from ml_assets.training_set_check import leakage

pytestmark = [
    pytest.mark.integration,
    # MLflow's own imports warn of its dependencies' futures.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*type hint:UserWarning"),
]
ROWS, HORIZON = 500, 5
FIRST, NOW = datetime(2024, 1, 1, 19, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
SPEC = ModelSpec.model_validate(
    {
        "name": "rate",
        "task": "forecast",
        "table": "rate_features",
        "entity_key": "day",
        "event_time": "known_at",
        "label": {"column": "later"},
        "forecast": {"anchor": "rate", "horizon": HORIZON},
        "intervals": {"coverage": 0.8, "scale": "usual_move"},
        "features": {"numeric": ["last_move"]},
        "algorithm": {"name": "lightgbm", "parameters": {"trees": 10, "leaves": 4}},
        "gate": {"min_holdout_rows": 50},
        "monitors": {"window": "year", "min_rows": 50},
    }
)


@pytest.fixture
def rates(world):
    """A random walk of 500 days in a mart; the newest five have no label yet."""
    rate = 17.0 + np.cumsum(np.random.default_rng(6).normal(0.0, 0.1, ROWS))
    table = pa.table(
        {
            "day": [f"{FIRST + timedelta(n):%Y-%m-%d}" for n in range(ROWS)],
            "known_at": pa.array(
                [FIRST + timedelta(n) for n in range(ROWS)], pa.timestamp("us", "UTC")
            ),
            "rate": rate,
            "later": pa.array([*rate[HORIZON:].tolist(), *[None] * HORIZON], pa.float64()),
            "usual_move": pa.array([None, *[0.1] * (ROWS - 1)], pa.float64()),
            "last_move": np.diff(rate, prepend=rate[0]),
        }
    )
    with world.lake.connection() as connection:
        connection.register("rates", table)
        with world.lake.write("rates") as write:
            write.connection.execute("create table lake.marts.rate_features as from rates")
        connection.unregister("rates")
    ensure_scores_table(world.lake, "rate")
    return world


def test_the_random_walk_serves_and_forecasts_the_future(rates):
    lake = rates.lake
    built = build_training_set(
        lake, SPEC, artifact_path=rates.artifacts, provenance=rates.provenance, now=NOW
    )
    assert (built.train_rows, built.purged_rows, built.holdout_rows) == (391, HORIZON, 99)
    assert leakage(lake, built, SPEC) is None
    # No training label is a rate of the hold-out, as its days tell.
    train = read_training_set(lake, built.path, role="train")
    newest = max(train.column("known_at").to_pylist())
    assert newest + timedelta(HORIZON) < built.cutoff

    trained = train_challenger(
        lake, SPEC, built, registry=rates.registry, provenance=rates.provenance, now=NOW
    )
    assert len(trained.cross_validation.folds) == 5
    evaluated = evaluate(
        lake, SPEC, built,
        challenger=trained.version, champion=champion_version(lake, "rate"),
        artifact_path=rates.artifacts,
    )  # fmt: skip
    assert evaluated.anchor is not None
    evidence = gate_evidence(lake, SPEC, trained.version, artifact_path=rates.artifacts)
    verdict = decide_promotion(
        lake, SPEC, trained.version, evidence, registry=rates.registry, now=NOW, run_id="run-1"
    )
    assert not verdict.promoted
    assert verdict.reason.endswith("The random walk keeps serving.")

    champion = champion_version(lake, "rate")
    assert (champion.version, champion.algorithm) == (1, "baseline")
    options = {"rescore": False, "engine": LocalEngine(1), "run_id": "run-1", "now": NOW}
    assert score_unscored(lake, SPEC, champion, **options).rows == ROWS
    unlabelled = lake.rows(
        "select count(*), bool_and(prediction_value = rate),"
        " bool_and(interval_low < rate and rate < interval_high)"
        " from lake.ml.scores_rate join lake.marts.rate_features on entity_key = day"
        " where later is null"
    )
    assert unlabelled == [(HORIZON, True, True)]

    assert drift_step(lake, SPEC, run_id="run-1", now=NOW).summary["windows_measured"] == 2
    assert performance_step(lake, SPEC, run_id="run-1", now=NOW).summary["windows_measured"] == 1
    assert lake.rows(
        "select metric, rows from lake.monitoring.performance where metric like '%error'"
        " or metric = 'interval_coverage' order by metric"
    ) == [
        ("interval_coverage", 99),
        ("mean_absolute_error", 99),
        ("root_mean_squared_error", 99),
    ]


def test_a_table_that_is_not_there_or_has_no_label_has_nothing_to_train_on(rates):
    absent = SPEC.model_copy(update={"table": "not_built_yet"})
    assert count_labelled(rates.lake, absent, now=NOW) == 0
    assert count_labelled(rates.lake, SPEC, now=NOW) == ROWS - HORIZON
    with rates.lake.write("no labels") as write:
        write.connection.execute("update lake.marts.rate_features set later = null")
    assert count_labelled(rates.lake, SPEC, now=NOW) == 0
