"""The promotion gate: whether a challenger takes the champion's place, and why.

Both models, and the naive baseline, are judged on the same hold-out rows, which none of them has
seen. Near duplicates count as one piece of evidence. Pure: the evidence comes in, a verdict out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lakehouse.errors import TidemarkError
from ml_assets.bootstrap import PairedDifference
from ml_assets.comparison import PairedTest, compare, paired_test
from ml_assets.gate_policy import GatePolicy
from ml_assets.metrics import metric_info
from ml_assets.targets.target import Target, metric_values

__all__ = ["Criterion", "GateEvidence", "GatePolicy", "Verdict", "decide"]

_MOST_FAILURES_NAMED = 3

Floats = NDArray[np.float64]


class _Compare(Protocol):
    """The challenger's difference to another model's output, over all rows or some."""

    def __call__(
        self, other: Floats, rows: NDArray[np.bool_] | None = None
    ) -> PairedDifference: ...


@dataclass(frozen=True, eq=False)
class GateEvidence:
    """Labels and the three models' outputs on the same hold-out rows.

    Attributes:
        label: As the target has them, (n,).
        challenger: Its output, (n, m): class probabilities, or numbers with their intervals.
        champion: That of the model in production, (n, m).
        baseline: That of the naive baseline, (n, m).
        groups: Near-duplicate group of each row, (n,); None takes rows as independent.
        segments: Columns by which losses are looked for, each (n,).
        challenger_version: Of the challenger.
        champion_version: Of the champion; None, or `baseline_version`, while the baseline serves.
        baseline_version: Of the baseline.
    """

    label: NDArray[Any]
    challenger: Floats
    champion: Floats
    baseline: Floats
    challenger_version: int
    champion_version: int | None
    baseline_version: int = 1
    groups: NDArray[np.integer] | None = None
    segments: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)

    @property
    def champion_is_baseline(self) -> bool:
        """Whether nothing has beaten the baseline yet."""
        return self.champion_version in (None, self.baseline_version)


@dataclass(frozen=True)
class Criterion:
    """One thing that was judged: the value seen, its interval if any, and what was required."""

    name: str
    passed: bool
    value: float
    low: float | None
    high: float | None
    threshold: float
    explanation: str


@dataclass(frozen=True)
class Verdict:
    """Whether the challenger is promoted, the reason in one sentence, and all that was judged.

    `test` is for information: that challenger and champion are equally good; None where nothing
    was compared.
    """

    promoted: bool
    reason: str
    criteria: tuple[Criterion, ...]
    test: PairedTest | None = None


def decide(
    policy: GatePolicy,
    evidence: GateEvidence,
    *,
    target: Target,
    seed: int,
) -> Verdict:
    """The verdict on the challenger, with a reason that names numbers.

    It is promoted if all criteria hold: enough rows; a gain over the champion above `min_gain`;
    a gain over the baseline; no segment that loses more than `max_segment_loss` against the
    champion with an interval that excludes no loss; and the metrics named within their limits.
    A challenger that predicts what the champion predicts gains 0 and is not promoted. While the
    champion is the baseline, the challenger has to beat that one only, and no segment is compared.

    Intervals are two-sided, so a gain that is required to be significant at 0.95 is wrongly found
    in about 2.5 of 100 cases in which there is none.

    Raises:
        TidemarkError: The evidence's arrays do not fit, or a metric needs ordered classes.

    >>> from ml_assets.targets.classes import ClassTarget
    >>> label = np.array([0, 1] * 150)
    >>> constant, right = np.tile([0.6, 0.4], (300, 1)), np.eye(2)[label]
    >>> evidence = GateEvidence(label, right, constant, constant, 2, 1)
    >>> decide(GatePolicy(metric="accuracy"), evidence, target=ClassTarget((0, 1)),
    ...     seed=7).reason  # doctest: +ELLIPSIS
    'Promoted: version 2 gains +0.5000 in accuracy (95 % interval ...) over champion version 1 (...'
    """
    for name in (policy.metric, *policy.minimum, *policy.maximum):
        metric_info(name, task=target.task)
    _check(evidence)
    enough = _enough_rows(policy, evidence)
    if not enough.passed:
        return Verdict(
            promoted=False,
            reason=f"Not promoted: {enough.explanation}.",
            criteria=(enough,),
        )

    def difference(other: Floats, rows: NDArray[np.bool_] | None = None) -> PairedDifference:
        at = slice(None) if rows is None else rows
        return compare(
            target,
            evidence.label[at],
            evidence.challenger[at],
            other[at],
            metric=policy.metric,
            groups=None if evidence.groups is None else evidence.groups[at],
            seed=seed,
            confidence=policy.confidence,
        )

    criteria = (
        enough,
        *_gains(policy, evidence, difference, baseline=target.baseline),
        *_segments(policy, evidence, difference),
        *_limits(policy, metric_values(target, evidence.label, evidence.challenger)),
    )
    test = paired_test(
        target, evidence.label, evidence.challenger, evidence.champion, metric=policy.metric
    )
    promoted = all(criterion.passed for criterion in criteria)
    reason = _reason(criteria)
    if target.task == "forecast":
        reason += f" {_in_forecasters_words(evidence, test, target, promoted=promoted)}"
    return Verdict(promoted=promoted, reason=reason, criteria=criteria, test=test)


def _enough_rows(policy: GatePolicy, evidence: GateEvidence) -> Criterion:
    """Whether there is enough independent evidence."""
    n = _independent(evidence.groups, len(evidence.label))
    passed = n >= policy.min_holdout_rows
    return Criterion(
        name="holdout_rows",
        passed=passed,
        value=float(n),
        low=None,
        high=None,
        threshold=float(policy.min_holdout_rows),
        explanation=f"{n} hold-out rows (near duplicates counted once) are "
        f"{'enough' if passed else 'too few to judge'}, {policy.min_holdout_rows} are needed",
    )


def _gains(
    policy: GatePolicy, evidence: GateEvidence, compare: _Compare, *, baseline: str
) -> Iterator[Criterion]:
    """The challenger's gains over champion and baseline, which are one model at first."""
    version = evidence.champion_version
    champion = baseline if version is None else f"champion version {version}"
    if version is not None and evidence.champion_is_baseline:
        champion += f" ({baseline})"
    opponents = [("gain_over_champion", champion, evidence.champion, policy.min_gain)]
    if policy.must_beat_baseline and not evidence.champion_is_baseline:
        opponents.append(("gain_over_baseline", baseline, evidence.baseline, 0.0))
    for name, opponent, probabilities, required in opponents:
        found = compare(probabilities)
        passed = (found.low if policy.significance else found.estimate) > required
        whole = "with its whole interval " if policy.significance else ""
        yield Criterion(
            name=name,
            passed=passed,
            value=found.estimate,
            low=found.low,
            high=found.high,
            threshold=required,
            explanation=f"version {evidence.challenger_version} gains {_words(policy, found)} over "
            f"{opponent}, {'' if passed else 'not '}above {required:g} {whole}".rstrip(),
        )


def _segments(policy: GatePolicy, evidence: GateEvidence, compare: _Compare) -> Iterator[Criterion]:
    """The challenger's gain or loss against the champion in each segment that has enough rows."""
    if evidence.champion_is_baseline:
        return
    for column, values in evidence.segments.items():
        text = values.astype(str)
        for value in np.unique(text).tolist():
            rows = text == value
            groups = None if evidence.groups is None else evidence.groups[rows]
            if _independent(groups, int(rows.sum())) < policy.min_segment_rows:
                continue
            found = compare(evidence.champion, rows)
            passed = not (found.estimate < -policy.max_segment_loss and found.high < 0.0)
            yield Criterion(
                name=f"segment {column}={value}",
                passed=passed,
                value=found.estimate,
                low=found.low,
                high=found.high,
                threshold=-policy.max_segment_loss,
                explanation=f"where {column} is {value} the difference is {_words(policy, found)}, "
                f"{'' if passed else 'not '}within the allowed loss of {policy.max_segment_loss:g}",
            )


def _limits(policy: GatePolicy, values: Mapping[str, float]) -> Iterator[Criterion]:
    """The challenger's own metrics against the absolute limits."""
    least = ((name, limit, "least", 1.0) for name, limit in policy.minimum.items())
    most = ((name, limit, "most", -1.0) for name, limit in policy.maximum.items())
    for name, limit, bound, sign in (*least, *most):
        passed = sign * values[name] >= sign * limit
        yield Criterion(
            name=f"{'minimum' if bound == 'least' else 'maximum'} {name}",
            passed=passed,
            value=values[name],
            low=None,
            high=None,
            threshold=limit,
            explanation=f"{name} is {values[name]:.4f}, {'' if passed else 'not '}at {bound} "
            f"{limit:g}",
        )


def _reason(criteria: Sequence[Criterion]) -> str:
    """One sentence: the gain if all criteria hold, else what failed."""
    failed = [criterion.explanation for criterion in criteria if not criterion.passed]
    if failed:
        more = len(failed) - _MOST_FAILURES_NAMED
        rest = [f"and {more} more criteria failed"] if more > 0 else []
        return f"Not promoted: {'; '.join(failed[:_MOST_FAILURES_NAMED] + rest)}."
    gain = next(criterion for criterion in criteria if criterion.name == "gain_over_champion")
    return f"Promoted: {gain.explanation}; all {len(criteria)} criteria hold."


def _in_forecasters_words(
    evidence: GateEvidence, test: PairedTest, target: Target, *, promoted: bool
) -> str:
    """How likely the difference is by chance, and what serves now: losing is a result."""
    text = f"{test.name} test: p = {test.p_value:.3f}."
    if promoted:
        return text
    serving = f"version {evidence.champion_version}"
    if evidence.champion_is_baseline:
        serving = target.baseline
    return f"{text} {serving[0].upper()}{serving[1:]} keeps serving."


def _words(policy: GatePolicy, found: PairedDifference) -> str:
    """A difference with its interval."""
    return (
        f"{found.estimate:+.4f} in {policy.metric} ({100 * policy.confidence:g} % interval "
        f"{found.low:+.4f} to {found.high:+.4f})"
    )


def _independent(groups: NDArray[np.integer] | None, rows: int) -> int:
    """The number of groups, or of rows where these are independent."""
    return rows if groups is None else len(np.unique(groups))


def _check(evidence: GateEvidence) -> None:
    """Raise unless all arrays are of the same rows."""
    n = len(evidence.label)
    lengths = {
        "challenger": len(evidence.challenger),
        "champion": len(evidence.champion),
        "baseline": len(evidence.baseline),
        "groups": n if evidence.groups is None else len(evidence.groups),
        **{f"segment {name}": len(values) for name, values in evidence.segments.items()},
    }
    if wrong := {name: length for name, length in lengths.items() if length != n}:
        raise TidemarkError(
            f"The gate has {n} labels, but other numbers of rows: {wrong}.",
            hint="Predict with all three models on the same hold-out rows.",
        )
