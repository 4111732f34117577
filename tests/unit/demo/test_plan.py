import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.defects import DEFECTS, EXACT_DUPLICATE, NEAR_DUPLICATE
from demo.plan import PLAIN, plan_defects, planned_count

EXACT, NEAR = DEFECTS.index(EXACT_DUPLICATE), DEFECTS.index(NEAR_DUPLICATE)


def plan_of(rows, seed=0, sentences=3):
    return plan_defects(np.full(rows, sentences, dtype=np.int64), np.random.default_rng(seed))


@settings(deadline=None)
@given(rows=st.integers(1, 3_000), seed=st.integers(0, 2**32))
def test_a_copied_line_is_plain_and_stands_earlier(rows, seed):
    plan = plan_of(rows, seed)
    copies = np.flatnonzero(plan.source >= 0)
    assert (plan.source[copies] < copies).all()
    assert (plan.defect[plan.source[copies]] == PLAIN).all()
    assert set(plan.defect[copies].tolist()) <= {EXACT, NEAR}
    without_source = plan.defect[plan.source < 0]
    assert not set(without_source.tolist()) & {EXACT, NEAR}


def test_texts_of_less_than_two_sentences_are_not_copied_as_near_duplicates():
    sentences = np.arange(4_000) % 3
    plan = plan_defects(sentences, np.random.default_rng(0))
    near = plan.source[plan.defect == NEAR]
    assert len(near) == planned_count(NEAR_DUPLICATE, 4_000)
    assert (sentences[near] == 2).all()


def test_without_a_text_that_may_be_copied_there_is_no_near_duplicate():
    plan = plan_of(4_000, sentences=1)
    assert plan.counts()["near_duplicate"] == 0
    assert plan.counts()["exact_duplicate"] == planned_count(EXACT_DUPLICATE, 4_000)


def test_planned_counts_follow_the_rates():
    counts = plan_of(20_000).counts()
    assert counts == {defect.name: round(defect.rate * 20_000) for defect in DEFECTS}


def test_each_kind_is_planned_once_from_2000_rows_on_and_by_its_rate_below():
    rarest = min(DEFECTS, key=lambda defect: defect.rate)
    assert [planned_count(rarest, rows) for rows in (0, 999, 2_000)] == [0, 0, 1]
    assert all(planned_count(defect, rows) >= 1 for defect in DEFECTS for rows in (2_000, 2_001))


def test_a_plan_of_no_rows_is_empty():
    assert len(plan_of(0).defect) == 0


def test_sources_are_listed_once_in_order():
    plan = plan_of(20_000)
    assert plan.sources().tolist() == sorted(set(plan.source[plan.source >= 0].tolist()))
