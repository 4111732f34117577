import json
from dataclasses import FrozenInstanceError

import pytest

from demo.reviews import generate_reviews
from demo.truth import PlantedTruth


@pytest.mark.parametrize("months", [3, 12])
def test_a_truth_survives_json(tmp_path, months):
    truth = generate_reviews(tmp_path, rows=60, months=months)
    assert PlantedTruth.from_json(truth.to_json()) == truth


def test_the_json_names_the_first_drifted_month(tmp_path):
    truth = generate_reviews(tmp_path, rows=60, months=4)
    assert json.loads(truth.to_json())["drift_from"] == truth.drift_from == "2025-08"
    undrifted = generate_reviews(tmp_path, rows=60, months=3)
    assert json.loads(undrifted.to_json())["drift_from"] is None


def test_json_of_something_else_is_refused():
    with pytest.raises(KeyError, match="files"):
        PlantedTruth.from_json("{}")
    with pytest.raises(TypeError, match="lines"):
        PlantedTruth.from_json('{"files": {}, "drift": null}')


def test_a_truth_cannot_be_changed(tmp_path):
    truth = generate_reviews(tmp_path, rows=12)
    with pytest.raises(FrozenInstanceError):
        truth.lines = 1
