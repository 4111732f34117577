"""A model on a table whose columns are named to trip SQL: trained, judged, scored, monitored."""

from datetime import UTC, datetime

import pytest

from lakehouse.quoting import quote_identifier
from ml_assets.challenger import train_challenger
from ml_assets.evaluation import evaluate, gate_evidence, record_evaluation
from ml_assets.model_versions import champion_version
from ml_assets.monitoring.run import drift_step, performance_step
from ml_assets.promotion import decide_promotion
from ml_assets.retraining_state import consider_retraining
from ml_assets.scoring import count_unscored, ensure_scores_table, score_unscored
from ml_assets.spec.document import ModelSpec
from ml_assets.task_engine import LocalEngine
from ml_assets.training_set import build_training_set
from ml_assets.training_set_check import leakage

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*type hint:UserWarning"),
]
NOW = datetime(2026, 6, 1, tzinfo=UTC)
_NAMES = {
    "entity_id": 'the key\'s "id"',
    "happened_at": "when; drop table lake.marts.order; --",
    "stars": "select",
    "text": 'te"xt',
    "language": "$language",
    "text_words": "слова 'n'",
}


def test_hostile_names_go_the_whole_way(world, spec, append_drifted):
    lake = world.lake
    append_drifted()
    columns = ", ".join(f"{old} as {quote_identifier(new)}" for old, new in _NAMES.items())
    with lake.write("renamed") as write:
        write.connection.execute(
            f'create table lake.marts."order" as select {columns} from lake.marts.stars_features'
        )
    data = spec.model_dump()
    data |= {
        "name": "group",
        "table": "order",
        "entity_key": _NAMES["entity_id"],
        "event_time": _NAMES["happened_at"],
        "features": {
            "text": (_NAMES["text"],),
            "categorical": (_NAMES["language"],),
            "numeric": (_NAMES["text_words"],),
        },
        "segments": (_NAMES["language"],),
    }
    data["label"]["column"] = _NAMES["stars"]
    data["split"]["near_duplicates"]["columns"] = (_NAMES["text"],)
    hostile = ModelSpec.model_validate(data)

    ensure_scores_table(lake, hostile.name)
    built = build_training_set(
        lake, hostile, artifact_path=world.artifacts, provenance=world.provenance, now=NOW
    )
    assert leakage(lake, built, hostile) is None
    trained = train_challenger(
        lake, hostile, built, registry=world.registry, provenance=world.provenance, now=NOW
    )
    evaluated = evaluate(
        lake,
        hostile,
        built,
        challenger=trained.version,
        champion=champion_version(lake, hostile.name),
        artifact_path=world.artifacts,
    )
    record_evaluation(lake, evaluated, trained.version, now=NOW, run_id="run-1")
    evidence = gate_evidence(lake, hostile, trained.version, artifact_path=world.artifacts)
    verdict = decide_promotion(
        lake, hostile, trained.version, evidence,
        registry=world.registry, now=NOW, run_id="run-1",
    )  # fmt: skip
    assert verdict.promoted, verdict.reason
    champion = champion_version(lake, hostile.name)
    assert champion is not None
    scored = score_unscored(
        lake, hostile, champion, rescore=False, engine=LocalEngine(1), run_id="run-1", now=NOW
    )
    assert scored.rows == 2100
    assert count_unscored(lake, hostile, champion, rescore=False) == 0
    drift_step(lake, hostile, run_id="run-1", now=NOW)
    performance_step(lake, hostile, run_id="run-1", now=NOW)
    features = lake.rows(
        "select distinct feature from lake.monitoring.drift where model = 'group' order by all"
    )
    assert {_NAMES["language"], _NAMES["text_words"]} <= {name for (name,) in features}
    consider_retraining(lake, hostile, features_version=world.provenance.features_version, now=NOW)
    assert lake.rows("select count(*) from lake.ml.training_sets") == [(1,)]
    assert lake.rows('select count(*) from lake.marts."order"') == [(2100,)]
