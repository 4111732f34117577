"""Percentile bootstrap intervals of metrics and of the paired difference of two models.

Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 8 (other data
structures: whole groups are drawn), 13 (percentile intervals). What is drawn are *units*: groups
of near-duplicate rows, which are not independent evidence, or single rows.

Above some tens of thousands of units, these are first dealt at random into equally many blocks, and
the blocks are drawn (random groups: Wolter, "Introduction to Variance Estimation", 2007, chapter
2). Sums over blocks have the variance of sums over units, at a cost that no longer grows with n.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lakehouse.errors import TidemarkError
from ml_assets.metrics import metric_info
from ml_assets.targets.target import Target

# The units' sums stay under 32 MB, and their number high enough for the variance of a variance.
_CELLS_OF_SUMS = 4_000_000
_MOST_UNITS = 20_000
_FEWEST_UNITS = 2_000
_ROUNDING = 1e-12
_DRAWS_A_CHUNK = 2_000_000  # 16 MB of weights

Statistic = Callable[[NDArray[np.float64]], dict[str, NDArray[np.float64]]]


@dataclass(frozen=True)
class Interval:
    """An estimate and the interval that holds the true value with about `confidence`."""

    estimate: float
    low: float
    high: float
    confidence: float


@dataclass(frozen=True)
class PairedDifference:
    """How much better model a is than model b on the same rows; positive when it is better.

    `probability_better` is the share of replicates in which a is better, ties counted half;
    `n` the number of independent units (groups of near duplicates, or rows).
    """

    estimate: float
    low: float
    high: float
    probability_better: float
    n: int


def bootstrap_metrics(
    label: NDArray[Any],
    output: NDArray[np.float64],
    *,
    target: Target,
    groups: NDArray[np.integer] | None = None,
    replicates: int = 1000,
    seed: int,
    confidence: float = 0.95,
) -> dict[str, Interval]:
    """Percentile intervals of all metrics, by name.

    Two metrics are biased under resampling: the calibration error upward, as gaps of chance do
    not cancel, and macro F1 a little, as rare classes drop out. An interval is widened, where it
    has to be, to hold the estimate itself.

    Args:
        label: As the target has them, (n,).
        output: Of the model, (n, m): class probabilities, or numbers with their intervals.
        target: What is predicted.
        groups: Group of each row, (n,), whose rows are drawn together; None draws single rows.
        replicates: Number of resamples, 100 or more.
        seed: Of the draws; the same seed and rows give the same intervals.
        confidence: Above 0 and below 1.

    Raises:
        TidemarkError: Fewer than two units, or arguments out of range.

    >>> label = np.array([0, 1] * 50)
    >>> probabilities = np.array([[0.9, 0.1], [0.4, 0.6]] * 49 + [[0.2, 0.8], [0.7, 0.3]])
    >>> from ml_assets.targets.classes import ClassTarget
    >>> found = bootstrap_metrics(
    ...     label, probabilities, target=ClassTarget(("no", "yes")), seed=1)["accuracy"]
    >>> found.estimate, found.low <= 0.98 <= found.high
    (0.98, True)
    """
    unit, n = _units(label, groups, columns=target.sum_columns, seed=seed)
    _check(n, replicates=replicates, confidence=confidence)
    sums = target.sums(label, output, unit=unit)
    drawn = _replicates(sums, target.statistics, replicates=replicates, seed=seed)
    estimates = target.statistics(sums.sum(axis=0, keepdims=True))
    intervals = {}
    for name, values in drawn.items():
        estimate = float(estimates[name][0])
        low, high = _percentiles(values, estimate=estimate, confidence=confidence)
        intervals[name] = Interval(estimate, low, high, confidence)
    return intervals


def paired_difference(  # noqa: PLR0913 - two models, one experiment
    label: NDArray[Any],
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    *,
    metric: str,
    target: Target,
    groups: NDArray[np.integer] | None = None,
    replicates: int = 1000,
    seed: int,
    confidence: float = 0.95,
) -> PairedDifference:
    """How much better model a is than model b: both are measured on the same resamples.

    Args:
        label: As the target has them, (n,).
        a: Output of the model that is judged, (n, m).
        b: Output of the model it is compared with, (n, m).
        metric: A metric of the target; where lower values are better the sign is turned.
        target: What is predicted.
        groups: Group of each row, (n,), whose rows are drawn together; None draws single rows.
        replicates: Number of resamples, 100 or more.
        seed: Of the draws.
        confidence: Above 0 and below 1.

    Raises:
        TidemarkError: Fewer than two units, an unknown metric, or arguments out of range.

    >>> label = np.array([0, 1] * 50)
    >>> good, poor = np.tile([[0.9, 0.1], [0.2, 0.8]], (50, 1)), np.tile([0.6, 0.4], (100, 1))
    >>> from ml_assets.targets.classes import ClassTarget
    >>> found = paired_difference(
    ...     label, good, poor, metric="accuracy", target=ClassTarget((0, 1)), seed=1)
    >>> found.estimate, found.low > 0.3, found.probability_better
    (0.5, True, 1.0)
    """
    sign = 1.0 if metric_info(metric, task=target.task).direction == "higher" else -1.0
    unit, n = _units(label, groups, columns=2 * target.sum_columns, seed=seed)
    _check(n, replicates=replicates, confidence=confidence)
    sums = np.concatenate([target.sums(label, output, unit=unit) for output in (a, b)], axis=1)

    def statistic(sums: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        of_a, of_b = (target.statistics(half)[metric] for half in np.split(sums, 2, axis=1))
        difference = sign * (of_a - of_b)
        # The matrix product rounds equal columns differently by where they stand.
        return {metric: np.where(np.abs(difference) < _ROUNDING, 0.0, difference)}

    drawn = _replicates(sums, statistic, replicates=replicates, seed=seed)[metric]
    estimate = float(statistic(sums.sum(axis=0, keepdims=True))[metric][0])
    low, high = _percentiles(drawn, estimate=estimate, confidence=confidence)
    better = float(np.mean(drawn > 0.0) + np.mean(drawn == 0.0) / 2.0)
    return PairedDifference(estimate, low, high, better, n)


def _units(
    label: NDArray[Any], groups: NDArray[np.integer] | None, *, columns: int, seed: int
) -> tuple[NDArray[np.integer], int]:
    """What is drawn: the unit or block of each row, and how many units there are."""
    if groups is None:
        unit, n = np.arange(len(label)), len(label)
    else:
        names, unit = np.unique(groups, return_inverse=True)
        n = len(names)
    blocks = int(np.clip(_CELLS_OF_SUMS // columns, _FEWEST_UNITS, _MOST_UNITS))
    if n > blocks:
        dealt = np.random.default_rng([seed, 1]).permutation(n) % blocks
        unit = dealt[unit]
    return unit, n


def _replicates(
    sums: NDArray[np.float64], statistic: Statistic, *, replicates: int, seed: int
) -> dict[str, NDArray[np.float64]]:
    """The statistic of each of the resamples of the units: (replicates,) by name."""
    random = np.random.default_rng([seed, 0])
    units = len(sums)
    at_once = max(1, _DRAWS_A_CHUNK // units)
    parts = []
    for start in range(0, replicates, at_once):
        count = min(at_once, replicates - start)
        drawn = random.integers(0, units, size=(count, units), dtype=np.int32)
        cell = (drawn + np.arange(count, dtype=np.int32)[:, None] * units).ravel()
        weights = np.bincount(cell, minlength=count * units).reshape(count, units)
        parts.append(statistic(weights.astype(np.float64) @ sums))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _percentiles(
    values: NDArray[np.float64], *, estimate: float, confidence: float
) -> tuple[float, float]:
    """The central `confidence` of the values, widened to hold the estimate."""
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(values, [tail, 1.0 - tail])
    return min(float(low), estimate), max(float(high), estimate)


def _check(n: int, *, replicates: int, confidence: float) -> None:
    """Raise where a bootstrap would say nothing, or pretend to certainty."""
    if n < 2:
        raise TidemarkError(
            f"A bootstrap over {n} independent rows or groups says nothing; 2 are the least.",
            hint="Take more rows, or check that the groups are not all the same.",
        )
    if replicates < 100 or not 0.0 < confidence < 1.0:
        raise TidemarkError(
            f"A bootstrap of {replicates} replicates at confidence {confidence} was asked for.",
            hint="Take 100 replicates or more (1000 is usual) and a confidence such as 0.95.",
        )
