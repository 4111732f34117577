"""The retraining sensor asks once for each ground, and says why it does not."""

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from ml_assets.retraining import RetrainingDecision
from sensors import retraining
from sensors.retraining import retraining_sensor

pytestmark = pytest.mark.integration


@pytest.fixture
def look(platform, instance, model_spec):
    sensor = retraining_sensor(platform, model_spec)
    return lambda: sensor(dg.build_sensor_context(instance=instance))


@pytest.fixture
def features(lake):
    """One labelled row, so that there is something to train on."""
    with lake.write("features") as write:
        write.connection.execute(
            "create table lake.marts.stars_features as select 'a' as entity_id,"
            " timestamptz '2026-01-01' as happened_at, 1::smallint as stars, 3 as words"
        )


def test_without_a_row_to_train_on_nothing_is_asked_for(look, lake):
    assert look().skip_message == "stars: nothing new since the last decision."
    assert lake.rows("from lake.ops.retraining_decisions") == []


def test_the_first_training_is_asked_for_once_and_recorded(look, lake, features):
    request = look()
    ((name, reason),) = lake.rows("select evidence_id, reason from lake.ops.retraining_decisions")
    assert isinstance(request, dg.RunRequest)
    assert request.run_key == f"retrain:stars:{name}"
    assert request.tags["tidemark/evidence"] == name
    assert "no trained version" in reason
    assert isinstance(look(), dg.SkipReason)
    assert len(lake.rows("from lake.ops.retraining_decisions")) == 1


def test_changed_feature_code_is_another_ground(look, lake, features, platform):
    look()
    platform.features_versions["stars_features"] = "features-2"
    assert isinstance(look(), dg.RunRequest)


def test_while_the_model_is_being_trained_nothing_is_decided(look, lake, features, instance):
    run = create_run_for_test(instance, job_name="retrain_stars", status=DagsterRunStatus.STARTED)
    assert look().skip_message == f"stars is being trained by run {run.run_id[:8]}."
    assert lake.rows("from lake.ops.retraining_decisions") == []


def test_a_no_is_said_with_its_reason(look, monkeypatch):
    no = RetrainingDecision(retrain=False, reason="Not now.", evidence_ids=(), evidence_id="e")
    monkeypatch.setattr(retraining, "consider_retraining", lambda *_, **__: no)
    assert look().skip_message == "stars: Not now."
