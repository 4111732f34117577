"""Whether a new version takes the champion's place, and why. Pure: counts in, a verdict out."""

from collections.abc import Iterator, Mapping
from typing import Any

from numpy.typing import NDArray

from ml_assets.extraction.quality import f1_difference, quality_intervals
from ml_assets.gate import Criterion, Verdict
from ml_assets.spec.extraction_rules import ALL_FIELDS
from ml_assets.spec.extraction_sections import ExtractionGate

Counts = Mapping[str, NDArray[Any]]


def decide(
    policy: ExtractionGate,
    challenger: Counts,
    champion: Counts | None,
    *,
    rows: int,
    version: int,
    champion_version: int | None,
    seed: int,
) -> Verdict:
    """The verdict on a new version.

    A person has declared it, so it takes the champion's place unless labelled rows speak against
    it: F1 over all fields, or of one, that is lower by more than `max_loss` with an interval that
    excludes no loss; or a value below its minimum.

    Args:
        policy: The spec's.
        challenger: Counts of right, wrong and missed by field, (n, 3), those of all under `all`.
        champion: The champion's on the same rows; None without a champion.
        rows: Labelled rows, n.
        version: The challenger's.
        champion_version: The champion's.
        seed: Of the resamples.

    >>> decide(ExtractionGate(), {}, None, rows=0, version=1, champion_version=None, seed=7).reason
    'Promoted: version 1 is what the spec declares; there are no labelled rows to judge it on.'
    """
    if rows < policy.min_rows:
        few = f"{rows} labelled rows are too few, {policy.min_rows} are needed,"
        known = few if rows else "there are no labelled rows"
        reason = f"Promoted: version {version} is what the spec declares; {known} to judge it on."
        return Verdict(promoted=True, reason=reason, criteria=())
    criteria = (
        *_losses(policy, challenger, champion, seed=seed),
        *_minimums(policy, challenger),
    )
    failed = [criterion.explanation for criterion in criteria if not criterion.passed]
    if failed:
        return Verdict(
            promoted=False, reason=f"Not promoted: {'; '.join(failed)}.", criteria=criteria
        )
    return Verdict(
        promoted=True,
        reason=_praise(challenger, criteria, rows, version, champion_version),
        criteria=criteria,
    )


def _losses(
    policy: ExtractionGate, challenger: Counts, champion: Counts | None, *, seed: int
) -> Iterator[Criterion]:
    for field, theirs in (champion or {}).items():
        found = f1_difference(challenger[field], theirs, seed=seed, confidence=policy.confidence)
        passed = not (found.estimate < -policy.max_loss and found.high < 0.0)
        yield Criterion(
            name=f"loss {field}",
            passed=passed,
            value=found.estimate,
            low=found.low,
            high=found.high,
            threshold=-policy.max_loss,
            explanation=f"F1 of {_named(field)} changes by {found.estimate:+.4f}"
            f" ({100 * policy.confidence:g} % interval {found.low:+.4f} to {found.high:+.4f}),"
            f" {'' if passed else 'not '}within the allowed loss of {policy.max_loss:g}",
        )


def _minimums(policy: ExtractionGate, challenger: Counts) -> Iterator[Criterion]:
    for field, limits in policy.minimum.items():
        found = quality_intervals(challenger[field].sum(axis=0), confidence=policy.confidence)
        for name, limit in limits.items():
            interval = found.get(name)
            # Without any value, none is wrong and none is missed.
            value = interval.estimate if interval else 1.0
            passed = value >= limit
            yield Criterion(
                name=f"minimum {name} {field}",
                passed=passed,
                value=value,
                low=interval.low if interval else None,
                high=interval.high if interval else None,
                threshold=limit,
                explanation=f"{name} of {_named(field)} is {value:.4f}, "
                f"{'' if passed else 'not '}at least {limit:g}",
            )


def _praise(
    challenger: Counts,
    criteria: tuple[Criterion, ...],
    rows: int,
    version: int,
    champion_version: int | None,
) -> str:
    over_all = quality_intervals(challenger[ALL_FIELDS].sum(axis=0)).get("f1")
    f1 = "no value" if over_all is None else f"F1 {over_all.estimate:.4f}"
    against = f" against champion version {champion_version}" if champion_version else ""
    held = f"all {len(criteria)} criteria hold" if criteria else "nothing is required of it"
    return f"Promoted: version {version} has {f1} on {rows} labelled rows{against}; {held}."


def _named(field: str) -> str:
    return "all fields" if field == ALL_FIELDS else f"'{field}'"
