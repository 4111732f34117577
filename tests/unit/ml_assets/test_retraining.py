from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.monitoring.evidence import Evidence
from ml_assets.retraining import RetrainingDecision, decide_retraining
from ml_assets.spec.operating_sections import Retraining

NOW = datetime(2025, 6, 1, tzinfo=UTC)
ALL_CAUSES = Retraining(
    on=("drift", "performance", "age", "new_labels"),
    cool_down_days=7,
    max_age_days=180,
    new_labels_share=0.5,
)


def evidence(name: str, kind: Any = "drift") -> Evidence:
    return Evidence(kind, "m", 3, NOW, f"{name} says so", name)


def decide(
    policy: Retraining = ALL_CAUSES,
    *found: Evidence,
    age: float = 10,
    retrained: float | None = None,
    new: int = 0,
    known: int = 1000,
    decided: Collection[str] = (),
    now: datetime = NOW,
) -> RetrainingDecision:
    """Ages and times in days before now."""
    return decide_retraining(
        policy,
        evidence=found,
        last_trained_at=now - timedelta(days=age),
        last_decision_retrained_at=None if retrained is None else now - timedelta(days=retrained),
        labels_new=new,
        labels_at_training=known,
        decided_evidence_ids=decided,
        now=now,
    )


def test_evidence_asks_for_a_retraining_and_says_why() -> None:
    decision = decide(ALL_CAUSES, evidence("b"), evidence("a", "performance"))
    assert decision.retrain
    assert decision.reason == "Retrain: b says so; a says so."
    assert decision.evidence_ids == ("a", "b")


def test_without_a_cause_the_answer_is_no_with_numbers() -> None:
    decision = decide()
    assert not decision.retrain
    assert decision.reason == (
        "Not retrained: of what the policy watches (drift, performance, age, new_labels), nothing"
        " new has been found; the model is 10.0 days old."
    )
    assert decision.evidence_ids == ()


def test_a_model_that_was_never_trained_is_not_retrained() -> None:
    decision = decide_retraining(
        ALL_CAUSES,
        evidence=[evidence("a")],
        last_trained_at=None,
        last_decision_retrained_at=None,
        labels_new=10,
        labels_at_training=0,
        decided_evidence_ids=(),
        now=NOW,
    )
    assert not decision.retrain
    assert "no version has been trained yet" in decision.reason


def test_evidence_asks_once() -> None:
    decision = decide(ALL_CAUSES, evidence("a"), decided={"a"}, retrained=30)
    assert not decision.retrain
    assert "causes that led to a retraining already: 1" in decision.reason


def test_new_evidence_asks_again_and_only_the_new_counts() -> None:
    decision = decide(ALL_CAUSES, evidence("a"), evidence("b"), decided={"a"}, retrained=30)
    assert decision.retrain
    assert decision.evidence_ids == ("b",)


@pytest.mark.parametrize(
    ("days", "retrain"), [(0, False), (6.99999, False), (7, True), (7.00001, True), (None, True)]
)
def test_the_cool_down_ends_exactly_when_its_days_are_over(
    days: float | None, retrain: bool
) -> None:
    assert decide(ALL_CAUSES, evidence("a"), retrained=days).retrain is retrain


def test_a_cool_down_of_zero_days_puts_nothing_off() -> None:
    assert decide(Retraining(cool_down_days=0), evidence("a"), retrained=0).retrain


def test_evidence_waits_while_the_cool_down_lasts_and_is_not_lost() -> None:
    waiting = decide(ALL_CAUSES, evidence("a"), retrained=2)
    assert waiting.reason == (
        "Not retrained yet: the last automatic retraining is 2.0 days old, and the cool-down is 7"
        " days. Waiting: a says so."
    )
    assert waiting.evidence_ids == ("a",)
    later = decide(ALL_CAUSES, evidence("a"), retrained=8, now=NOW + timedelta(days=6))
    assert later.retrain


@pytest.mark.parametrize(
    ("days", "retrain"), [(-1, False), (179.99999, False), (180, True), (359, True)]
)
def test_age_is_a_cause_from_its_limit_on(days: float, retrain: bool) -> None:
    decision = decide(age=days)
    assert decision.retrain is retrain
    if retrain:
        assert f"the model is {days:.1f} days old (limit 180)" in decision.reason


def test_age_asks_once_a_period() -> None:
    trained = NOW - timedelta(days=180)

    def after(days: float, decided: Collection[str]) -> RetrainingDecision:
        now = trained + timedelta(days=days)
        return decide(age=days, decided=decided, now=now)

    first = after(180, ())
    assert after(250, ()).evidence_ids == first.evidence_ids
    assert not after(359, first.evidence_ids).retrain
    assert after(360, first.evidence_ids).retrain


@pytest.mark.parametrize(
    ("new", "known", "retrain"),
    [(499, 1000, False), (500, 1000, True), (0, 0, False), (1, 0, True), (-3, 1000, False)],
)
def test_new_labels_are_a_cause_from_their_share_on(new: int, known: int, retrain: bool) -> None:
    assert decide(new=new, known=known).retrain is retrain


def test_new_labels_ask_again_when_as_many_have_come_once_more() -> None:
    policy = Retraining(on=("new_labels",), new_labels_share=0.1)
    first = decide(policy, new=100)
    assert first.reason == "Retrain: 100 new labels are 10% of the 1,000 trained on (limit 10%)."
    assert not decide(policy, new=199, decided=first.evidence_ids).retrain
    assert decide(policy, new=200, decided=first.evidence_ids).retrain
    second = decide(policy, new=200)
    # 0.3 / 0.1 is a little less than 3 in floating point.
    assert decide(policy, new=300, decided=[*first.evidence_ids, *second.evidence_ids]).retrain


def test_causes_that_the_policy_does_not_name_are_ignored_and_said_so() -> None:
    decision = decide(Retraining(on=("performance",)), evidence("a"), age=9999, new=9999)
    assert not decision.retrain
    assert "causes that do not count: 1 (drift)" in decision.reason


def test_an_empty_policy_never_retrains() -> None:
    decision = decide(Retraining(on=()), evidence("a"), evidence("b", "performance"))
    assert not decision.retrain
    assert "of what the policy watches (nothing)" in decision.reason


def test_the_same_grounds_give_the_same_name_and_others_another() -> None:
    tomorrow = NOW + timedelta(days=1)
    names = {
        "nothing": decide().evidence_id,
        "nothing, a day later": decide(age=11, now=tomorrow).evidence_id,
        "yes": decide(ALL_CAUSES, evidence("a")).evidence_id,
        "yes, a day later": decide(ALL_CAUSES, evidence("a"), age=11, now=tomorrow).evidence_id,
        "waiting": decide(ALL_CAUSES, evidence("a"), retrained=2).evidence_id,
        "waiting, a day later": decide(
            ALL_CAUSES, evidence("a"), age=11, retrained=3, now=tomorrow
        ).evidence_id,
        "yes to more": decide(ALL_CAUSES, evidence("a"), evidence("b")).evidence_id,
    }
    assert names["nothing"] == names["nothing, a day later"]
    assert names["yes"] == names["yes, a day later"]
    assert names["waiting"] == names["waiting, a day later"]
    assert len(set(names.values())) == 4


@given(
    st.lists(st.sampled_from("abcde"), unique=True),
    st.lists(st.sampled_from("abcde")),
    st.floats(0, 400),
    st.one_of(st.none(), st.floats(0, 20)),
    st.integers(0, 3000),
)
def test_a_yes_settles_its_evidence_whatever_the_grounds(
    found: list[str], decided: list[str], age: float, retrained: float | None, new: int
) -> None:
    pieces = [evidence(name) for name in found]
    decision = decide(ALL_CAUSES, *pieces, age=age, retrained=retrained, new=new, decided=decided)
    assert decision.reason
    if decision.retrain:
        assert decision.evidence_ids
        assert not set(decision.evidence_ids) & set(decided)
        settled = [*decided, *decision.evidence_ids]
        again = decide(ALL_CAUSES, *pieces, age=age, retrained=99, new=new, decided=settled)
        assert not again.retrain
