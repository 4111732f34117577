"""Whether to retrain: a pure decision over the evidence and the policy, with its reason."""

import hashlib
import math
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ml_assets.monitoring.evidence import Evidence
from ml_assets.spec.operating_sections import Retraining


@dataclass(frozen=True)
class RetrainingDecision:
    """The answer, for a row of `ops.retraining_decisions`.

    Attributes:
        retrain: Whether a challenger is to be trained now.
        reason: Why, or why not, with the numbers.
        evidence_ids: What the answer rests on. Those of a yes are settled: given as
            `decided_evidence_ids` later, they do not ask again.
        evidence_id: Names the answer. Asked again on the same grounds it is the same, so that a
            row or a run that has it need not be made twice.
    """

    retrain: bool
    reason: str
    evidence_ids: tuple[str, ...]
    evidence_id: str

    @property
    def ground(self) -> str:
        """The reason without the answer: what speaks for it.

        >>> RetrainingDecision(
        ...     retrain=True, reason="Retrain: the model is old.", evidence_ids=(), evidence_id=""
        ... ).ground
        'the model is old'
        """
        return self.reason.partition(": ")[2].removesuffix(".")


@dataclass(frozen=True)
class _Cause:
    kind: str
    evidence_id: str
    message: str


def decide_retraining(
    policy: Retraining,
    *,
    evidence: Sequence[Evidence],
    last_trained_at: datetime | None,
    last_decision_retrained_at: datetime | None,
    labels_new: int,
    labels_at_training: int,
    decided_evidence_ids: Collection[str],
    now: datetime,
) -> RetrainingDecision:
    """Whether a challenger is to be trained now, by the spec's policy.

    Each piece of evidence asks once: for one run, whatever its outcome. Age asks again each time
    another `max_age_days` have gone by, new labels each time another share of them has come, so
    that a challenger that lost is not trained again on the same grounds.

    Args:
        policy: The spec's `retraining`.
        evidence: Against the version in production.
        last_trained_at: When a version was last trained; None if never.
        last_decision_retrained_at: When the last automatic retraining was decided; None if never.
        labels_new: Labels that have come since that training's set.
        labels_at_training: Labels that the set had.
        decided_evidence_ids: Evidence ids of earlier decisions to retrain.
        now: The present (UTC).

    >>> decide_retraining(
    ...     Retraining(on=("age",), max_age_days=30), evidence=[],
    ...     last_trained_at=datetime.fromisoformat("2025-01-01T00:00Z"),
    ...     last_decision_retrained_at=None, labels_new=0, labels_at_training=100,
    ...     decided_evidence_ids=(), now=datetime.fromisoformat("2025-02-01T00:00Z")).reason
    'Retrain: the model is 31.0 days old (limit 30).'
    """
    if last_trained_at is None:
        reason = "Not retrained: no version has been trained yet, so there is nothing to replace."
        return _no(reason, ("untrained",), ())
    causes = [
        *(_Cause(one.kind, one.evidence_id, one.message) for one in evidence),
        *_by_age(policy, last_trained_at, now),
        *_by_labels(policy, labels_new, labels_at_training, last_trained_at),
    ]
    counted = [cause for cause in causes if cause.kind in policy.on]
    open_causes = [cause for cause in counted if cause.evidence_id not in decided_evidence_ids]
    if not open_causes:
        return _nothing_new(policy, causes, counted, last_trained_at=last_trained_at, now=now)
    ids = tuple(sorted(cause.evidence_id for cause in open_causes))
    why = _in_words(open_causes)
    if last_decision_retrained_at is not None:
        cooled_at = last_decision_retrained_at + timedelta(days=policy.cool_down_days)
        if now < cooled_at:
            days = _days(now - last_decision_retrained_at)
            reason = (
                f"Not retrained yet: the last automatic retraining is {days:.1f} days old, and the"
                f" cool-down is {policy.cool_down_days:g} days. Waiting: {why}."
            )
            return _no(reason, ("cool-down", last_decision_retrained_at.isoformat(), *ids), ids)
    return RetrainingDecision(
        retrain=True,
        reason=f"Retrain: {why}.",
        evidence_ids=ids,
        evidence_id=_hashed("retrain", *ids),
    )


def _in_words(causes: Sequence[_Cause]) -> str:
    """The first cause of each kind in full, and how many more there are of it."""
    first: dict[str, str] = {}
    for cause in causes:
        first.setdefault(cause.kind, cause.message)
    counts = Counter(cause.kind for cause in causes)
    return "; ".join(
        message if counts[kind] == 1 else f"{message} (and {counts[kind] - 1} more of {kind})"
        for kind, message in first.items()
    )


def _by_age(policy: Retraining, last_trained_at: datetime, now: datetime) -> Iterator[_Cause]:
    age = _days(now - last_trained_at)
    if policy.max_age_days is None or age < policy.max_age_days:
        return
    periods = _times(age, policy.max_age_days)
    yield _Cause(
        "age",
        _hashed("age", last_trained_at.isoformat(), str(periods)),
        f"the model is {age:.1f} days old (limit {policy.max_age_days:g})",
    )


def _by_labels(
    policy: Retraining, labels_new: int, labels_at_training: int, last_trained_at: datetime
) -> Iterator[_Cause]:
    share = labels_new / max(labels_at_training, 1)
    if policy.new_labels_share is None or share < policy.new_labels_share:
        return
    times = _times(share, policy.new_labels_share)
    yield _Cause(
        "new_labels",
        _hashed("new_labels", last_trained_at.isoformat(), str(times)),
        f"{labels_new:,} new labels are {share:.0%} of the {labels_at_training:,} trained on"
        f" (limit {policy.new_labels_share:.0%})",
    )


def _nothing_new(
    policy: Retraining,
    causes: Sequence[_Cause],
    counted: Sequence[_Cause],
    *,
    last_trained_at: datetime,
    now: datetime,
) -> RetrainingDecision:
    """No, because no cause counts that has not led to a retraining already."""
    watched = ", ".join(policy.on) or "nothing"
    parts = [f"of what the policy watches ({watched}), nothing new has been found"]
    if counted:
        parts.append(f"causes that led to a retraining already: {len(counted)}")
    if ignored := [cause.kind for cause in causes if cause.kind not in policy.on]:
        parts.append(
            f"causes that do not count: {len(ignored)} ({', '.join(sorted(set(ignored)))})"
        )
    parts.append(f"the model is {_days(now - last_trained_at):.1f} days old")
    ids = sorted(cause.evidence_id for cause in causes)
    grounds = ("nothing new", last_trained_at.isoformat(), *ids)
    return _no(f"Not retrained: {'; '.join(parts)}.", grounds, ())


def _no(reason: str, grounds: Sequence[str], evidence_ids: tuple[str, ...]) -> RetrainingDecision:
    return RetrainingDecision(
        retrain=False, reason=reason, evidence_ids=evidence_ids, evidence_id=_hashed(*grounds)
    )


def _hashed(*grounds: str) -> str:
    return hashlib.sha256("|".join(grounds).encode()).hexdigest()[:16]


def _days(span: timedelta) -> float:
    return span / timedelta(days=1)


def _times(value: float, step: float) -> int:
    """How many whole steps there are; the small number mends 0.3 / 0.1 = 2.9999999999999996."""
    return math.floor(value / step + 1e-9)
