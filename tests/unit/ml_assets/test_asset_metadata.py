"""What Dagster shows of an evaluation and a verdict."""

import base64

import numpy as np
import pytest

from ml_assets.assets.metadata import evaluation_metadata, image, verdict_metadata
from ml_assets.bootstrap import Interval
from ml_assets.evaluation import Evaluation, Subject
from ml_assets.gate import Criterion, Verdict
from ml_assets.spec.document import ModelSpec

_GOOD = np.array([[0.9, 0.1], [0.2, 0.8]])
_BAD = np.array([[0.6, 0.4], [0.7, 0.3]])


SPEC = ModelSpec.model_validate(
    {
        "name": "m",
        "task": "classification",
        "table": "t",
        "entity_key": "id",
        "event_time": "at",
        "label": {"column": "kind", "classes": ["a", "b"]},
        "features": {"numeric": ["size"]},
        "algorithm": {"name": "lightgbm"},
    }
)


def _evaluation(without_balancing=None) -> Evaluation:
    intervals = {"macro_f1": Interval(1.0, 0.75, 1.0, 0.95)}
    subjects = {
        name: Subject(name, version, values, intervals)
        for name, version, values in (("challenger", 3, _GOOD), ("baseline", 1, _BAD))
    }
    return Evaluation(
        rows=2,
        subjects=subjects,
        comparable=np.array([True, False]),
        label=np.array([0, 1]),
        event_time=np.array(["2026-01-01", "2026-01-02"], "datetime64[us]"),
        without_balancing=without_balancing,
    )


def test_metrics_stand_side_by_side_with_their_intervals():
    metadata = evaluation_metadata(SPEC, _evaluation())
    assert metadata["metrics"].value.splitlines() == [
        "| metric | challenger | baseline |",
        "|---|---|---|",
        "| macro_f1 | 1.0000 [0.7500, 1.0000] | 1.0000 [0.7500, 1.0000] |",
    ]
    assert (metadata["holdout_rows"], metadata["rows_that_neither_has_seen"]) == (2, 1)
    assert metadata["macro_f1"] == 1.0
    assert "effect_of_balancing" not in metadata


def test_the_effect_of_balancing_is_a_table_of_both():
    table = evaluation_metadata(SPEC, _evaluation(_BAD))["effect_of_balancing"].value
    assert "| accuracy | 1.0000 | 0.5000 |" in table
    assert "| recall of b | 1.0000 | 0.0000 |" in table


@pytest.mark.parametrize(("passed", "word"), [(True, "yes"), (False, "**no**")])
def test_a_verdict_is_shown_criterion_by_criterion(passed, word):
    criterion = Criterion("log_loss", passed, 0.25, None, None, 0.5, "lower is better")
    metadata = verdict_metadata(Verdict(promoted=passed, reason="why", criteria=(criterion,)))
    assert (metadata["promoted"], metadata["reason"]) == (passed, "why")
    assert (
        f"| log_loss | {word} | 0.2500 | 0.5000 | lower is better |" in metadata["criteria"].value
    )


def test_an_image_is_in_the_page_itself():
    text = image("drift", b"png").value
    assert text == f"![drift](data:image/png;base64,{base64.b64encode(b'png').decode()})"
