"""The checks of an evaluation: is the challenger better than nothing, do its intervals hold."""

from collections.abc import Mapping

import dagster as dg

from ml_assets.assets.metadata import image
from ml_assets.bootstrap import Interval
from ml_assets.evaluation import Evaluation
from ml_assets.metrics import metric_direction
from ml_assets.spec.document import ModelSpec

_BEATS, _HOLD = "beats_baseline", "intervals_hold"
# Where the measured coverage is off by no more than this it is as asked, for people.
_NEAR_ENOUGH = 0.05


def evaluation_check_specs(spec: ModelSpec, key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """The checks that the model's task has.

    A forecast that does not beat the random walk is what one expects, and no warning: the gate's
    verdict tells it.
    """
    checks = []
    if spec.forecast is None:
        checks.append(
            dg.AssetCheckSpec(
                _BEATS,
                asset=key,
                description="The challenger is better than the baseline on the gate's metric.",
            )
        )
    if not spec.label.classes:
        checks.append(
            dg.AssetCheckSpec(
                _HOLD,
                asset=key,
                description="Intervals hold about as many hold-out labels as the spec asks for.",
            )
        )
    return checks


def evaluation_check_results(
    spec: ModelSpec, evaluation: Evaluation, plots: Mapping[str, bytes]
) -> list[dg.AssetCheckResult]:
    """What the checks found, with the first plot."""
    first = next(iter(plots))
    plot = {first: image(first, plots[first])}
    results = []
    if spec.forecast is None:
        better = _is_better(spec, evaluation)
        results.append(_result(_BEATS, compared(spec, evaluation), plot, passed=better))
    if not spec.label.classes:
        held = evaluation.subjects["challenger"].intervals["interval_coverage"]
        asked = spec.intervals.coverage
        text = (
            f"Intervals for {asked:.1%} of the labels hold {held.estimate:.1%}"
            f" [{held.low:.1%}, {held.high:.1%}] of {evaluation.rows:,} on the hold-out."
        )
        results.append(_result(_HOLD, text, plot, passed=holds(held, asked)))
    return results


def compared(spec: ModelSpec, evaluation: Evaluation) -> str:
    """The gate's metric of challenger and baseline, in words."""
    ours, theirs = (
        evaluation.subjects[name].intervals[spec.gate.metric] for name in ("challenger", "baseline")
    )
    return (
        f"{spec.gate.metric} {ours.estimate:.4f} [{ours.low:.4f}, {ours.high:.4f}], baseline"
        f" {theirs.estimate:.4f} [{theirs.low:.4f}, {theirs.high:.4f}]"
    )


def holds(measured: Interval, asked: float) -> bool:
    """Whether the measured coverage is near what was asked, or not told apart from it.

    >>> holds(Interval(0.88, 0.87, 0.89, 0.95), 0.9), holds(Interval(0.72, 0.7, 0.74, 0.95), 0.9)
    (True, False)
    """
    near = abs(measured.estimate - asked) <= _NEAR_ENOUGH
    return near or measured.low <= asked <= measured.high


def _is_better(spec: ModelSpec, evaluation: Evaluation) -> bool:
    ours, theirs = (
        evaluation.subjects[name].intervals[spec.gate.metric].estimate
        for name in ("challenger", "baseline")
    )
    return ours > theirs if metric_direction(spec.gate.metric) == "higher" else ours < theirs


def _result(
    name: str, text: str, plot: dict[str, dg.MetadataValue], *, passed: bool
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=name,
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        description=text,
        metadata=plot,
    )
