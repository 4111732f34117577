"""Why a model must be trained before anything else."""

from dataclasses import replace

import pytest

from ml_assets.staleness import TrainingState

FRESH = TrainingState("s1", "f1", "s1", "f1", 2, judged=True)


def test_a_model_made_from_what_there_is_now_is_up_to_date():
    assert FRESH.reason_to_train is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"newest_version": None, "judged": False}, "there is no trained version yet"),
        ({"spec_hash": "s2"}, "the spec has changed since version 2"),
        ({"features_version": "f2"}, "the features' code has changed since version 2"),
        (
            {"spec_hash": "s2", "spec_changes": "seed 7 -> 8"},
            "since version 2: seed 7 -> 8",
        ),
        (
            {"spec_hash": "s2", "features_version": "f2"},
            "the spec has changed since version 2; the features' code has changed since version 2",
        ),
        (
            {"features_version": "f2", "code_changes": "mart changed"},
            "since version 2: mart changed",
        ),
        ({"judged": False}, "version 2 was not judged"),
        ({"asked_since": True}, "a retraining was decided after version 2"),
    ],
)
def test_a_stale_model_says_why(change, reason):
    assert reason in replace(FRESH, **change).reason_to_train
