"""The gate of extractions: a declaration serves unless labelled rows speak against it."""

import numpy as np
import pytest

from ml_assets.extraction.gate import decide
from ml_assets.extraction.quality import with_all
from ml_assets.spec.extraction_sections import ExtractionGate


def counts(right: float, wrong: float, rows: int = 100) -> dict:
    """A field with one true value a row, of which a share is right, and more that are wrong."""
    rng = np.random.default_rng(5)
    hit = rng.random(rows) < right
    extra = rng.random(rows) < wrong
    return with_all({"part": np.column_stack([hit, extra, ~hit]).astype(np.int64)})


def judge(challenger, champion, *, policy=None, rows=100):
    return decide(
        policy or ExtractionGate(), challenger, champion,
        rows=rows, version=2, champion_version=None if champion is None else 1, seed=7,
    )  # fmt: skip


def test_a_better_declaration_is_promoted() -> None:
    verdict = judge(counts(0.9, 0.1), counts(0.5, 0.1))
    assert verdict.promoted
    assert "against champion version 1; all 2 criteria hold" in verdict.reason


def test_a_worse_declaration_is_not_and_the_field_is_named() -> None:
    verdict = judge(counts(0.5, 0.1), counts(0.9, 0.1))
    assert not verdict.promoted
    assert "F1 of 'part' changes by -0." in verdict.reason


def test_a_loss_that_chance_explains_is_allowed() -> None:
    good = np.tile([1, 0, 0], (40, 1))
    poor = np.where(np.arange(40)[:, None] < 2, [0, 0, 1], good)
    verdict = judge(with_all({"part": poor}), with_all({"part": good}), rows=40)
    assert verdict.promoted
    assert verdict.criteria[0].value < -0.02


def test_too_few_labelled_rows_judge_nothing() -> None:
    verdict = judge(counts(0.1, 0.9, 10), counts(0.9, 0.0, 10), rows=10)
    assert verdict.promoted
    assert "10 labelled rows are too few, 30 are needed" in verdict.reason


@pytest.mark.parametrize(("limit", "promoted"), [(0.95, False), (0.7, True)])
def test_a_minimum_holds_for_the_first_version_too(limit: float, promoted: bool) -> None:
    policy = ExtractionGate(minimum={"part": {"recall": limit}})
    verdict = judge(counts(0.8, 0.0), None, policy=policy)
    assert verdict.promoted is promoted
    assert verdict.criteria[0].name == "minimum recall part"
