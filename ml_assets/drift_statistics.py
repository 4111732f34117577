"""Distances between two distributions given as counts over the same bins, and their noise.

Counts are arrays (bins,) over the same bins in the same order: the reference window's and the
current one's. None is negative, and each side has rows; whole windows without rows cannot drift.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lakehouse.errors import TidemarkError
from ml_assets.significance import TestResult

Counts = NDArray[np.integer] | NDArray[np.float64]

_PSEUDO_COUNT = 0.5  # Jeffreys' prior for multinomial shares


@dataclass(frozen=True)
class ChiSquareResult(TestResult):
    """A chi-square test; 0 degrees of freedom where only one bin has rows, and nothing differs."""

    degrees_of_freedom: int


def population_stability_index(reference: Counts, current: Counts) -> float:
    """PSI: the sum over bins of (q - p) ln(q / p) with p the reference's shares, q the current's.

    0 for equal shares, never negative, no upper bound. 0.5 is added to each count before shares
    are taken (Jeffreys), so that an empty bin on one side stays finite; bins that are empty on
    both sides are left out. Compare with `psi_noise_limit` before believing a value.

    Source: Lewis, "An Introduction to Credit Scoring", 1994; Siddiqi, "Credit Risk Scorecards".

    Raises:
        TidemarkError: The counts cannot be compared.

    >>> round(population_stability_index(np.array([50, 50]), np.array([70, 30])), 3)
    0.166
    """
    before, after = _counts(reference, current)
    p, q = ((side + _PSEUDO_COUNT) / (side + _PSEUDO_COUNT).sum() for side in (before, after))
    return float(((q - p) * np.log(q / p)).sum())


def psi_noise_limit(n_reference: int, n_current: int, bins: int, *, alpha: float = 0.05) -> float:
    """The PSI that is exceeded with probability `alpha` when nothing has drifted.

    Without drift PSI is about (1 / n + 1 / m) times a chi-square variable of bins - 1 degrees of
    freedom (Yurdakul 2018, "Statistical properties of the population stability index", theorem
    2.1). With rare bins false alarms are rarer than `alpha`, as smoothing draws both sides
    together. Only where the windows are of very different size and bins have almost no rows in
    the smaller one (under a tenth expected) are they more frequent: merge such bins first.

    Args:
        n_reference: Rows in the reference window.
        n_current: Rows in the current window.
        bins: Bins compared, 2 or more.
        alpha: Above 0 and below 1.

    Raises:
        TidemarkError: An argument is out of range.

    >>> round(psi_noise_limit(10_000, 500, 10, alpha=0.05), 4)
    0.0355
    """
    from scipy.stats import chi2

    if min(n_reference, n_current) < 1 or bins < 2 or not 0.0 < alpha < 1.0:
        raise TidemarkError(
            f"No noise limit of PSI for {n_reference} and {n_current} rows in {bins} bins at "
            f"alpha {alpha}.",
            hint="Needed: 1 row a side and 2 bins at least, alpha above 0 and below 1.",
        )
    return float((1.0 / n_reference + 1.0 / n_current) * chi2.isf(alpha, bins - 1))


def jensen_shannon_distance(reference: Counts, current: Counts) -> float:
    """The square root of the Jensen-Shannon divergence in bits: 0 for equal shares, 1 for disjoint.

    A metric (Endres and Schindelin 2003). No smoothing is needed.

    Raises:
        TidemarkError: The counts cannot be compared.

    >>> jensen_shannon_distance(np.array([5, 0]), np.array([0, 9]))
    1.0
    """
    before, after = _counts(reference, current)
    p, q = before / before.sum(), after / after.sum()
    middle = (p + q) / 2.0
    bits = sum(
        (side[side > 0.0] * np.log2(side[side > 0.0] / middle[side > 0.0])).sum() for side in (p, q)
    )
    return math.sqrt(min(max(float(bits) / 2.0, 0.0), 1.0))


def wasserstein_binned(reference: Counts, current: Counts, edges: NDArray[np.float64]) -> float:
    """The Wasserstein-1 distance in the feature's unit, rows spread evenly within their bins.

    It is the area between the two cumulative distributions. Against the exact distance it is off
    by at most the mean width of the bins that rows stand in, usually by far less.

    Args:
        reference: Counts, (bins,).
        current: Counts, (bins,).
        edges: Finite and ascending, (bins + 1,); equal neighbours make a bin of one value.

    Raises:
        TidemarkError: The counts or edges cannot be used.

    >>> wasserstein_binned(np.array([4, 0]), np.array([0, 2]), np.array([0.0, 1.0, 2.0]))
    1.0
    """
    before, after = _checked(reference, current)
    edges = np.asarray(edges, np.float64)
    if (
        edges.shape != (len(before) + 1,)
        or not np.isfinite(edges).all()
        or (np.diff(edges) < 0.0).any()
    ):
        raise TidemarkError(
            f"{len(before)} bins need {len(before) + 1} finite, ascending edges; seen: "
            f"{len(edges)}, {edges.tolist()[:5]} ...",
            hint="Close open outer bins at the smallest and largest value seen.",
        )
    gap = np.concatenate([[0.0], _cumulative_gap(before, after)])
    left, right = np.abs(gap[:-1]), np.abs(gap[1:])
    crosses = gap[:-1] * gap[1:] < 0.0
    # Between edges the gap is a straight line: a trapezium, or two triangles where it crosses 0.
    height = np.where(
        crosses, (left**2 + right**2) / np.where(crosses, left + right, 1.0), left + right
    )
    return float((height * np.diff(edges)).sum() / 2.0)


def kolmogorov_smirnov_binned(reference: Counts, current: Counts) -> TestResult:
    """The largest gap between the cumulative shares at the bins' edges, and its p-value.

    Never more than the exact statistic, which may lie within a bin, so the p-value is never too
    small on that account. It is the two-sided asymptotic one that scipy.stats.ks_2samp gives.

    Args:
        reference: Counts of whole rows in ascending bins, (bins,).
        current: The same.

    Raises:
        TidemarkError: The counts cannot be compared.

    >>> kolmogorov_smirnov_binned(np.array([10, 10]), np.array([15, 5])).statistic
    0.25
    """
    from scipy.stats import kstwo

    before, after = _checked(reference, current)
    statistic = float(np.abs(_cumulative_gap(before, after)).max())
    n, m = before.sum(), after.sum()
    return TestResult(statistic, float(kstwo.sf(statistic, max(round(n * m / (n + m)), 1))))


def chi_square(reference: Counts, current: Counts) -> ChiSquareResult:
    """Pearson's test that both windows come from one distribution over the bins.

    Bins that are empty on both sides are left out. The p-value is approximate, and poor where
    many bins expect fewer than five rows.

    Raises:
        TidemarkError: The counts cannot be compared.

    >>> found = chi_square(np.array([50, 50]), np.array([70, 30]))
    >>> round(found.statistic, 3), found.degrees_of_freedom, round(found.p_value, 4)
    (8.333, 1, 0.0039)
    """
    from scipy.stats import chi2

    table = np.stack(_counts(reference, current))
    freedom = table.shape[1] - 1
    if not freedom:
        return ChiSquareResult(0.0, 1.0, 0)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return ChiSquareResult(statistic, float(chi2.sf(statistic, freedom)), freedom)


def bonferroni(alpha: float, n: int) -> float:
    """The level for each of `n` tests that keeps any false alarm among them at `alpha` or less.

    Raises:
        TidemarkError: `alpha` is not above 0 and below 1, or `n` is below 1.

    >>> bonferroni(0.05, 10)
    0.005
    """
    if not 0.0 < alpha < 1.0 or n < 1:
        raise TidemarkError(
            f"A level of {alpha} for {n} tests cannot be.",
            hint="Take a level such as 0.05, and 1 test or more.",
        )
    return alpha / n


def holm(p_values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """P-values adjusted for being many, in the order given: reject those at or below the level.

    Keeps the probability of any false alarm at the level, as Bonferroni's does, and finds more.
    Source: Holm, Scandinavian Journal of Statistics 6, 1979.

    Raises:
        TidemarkError: A value is missing or not from 0 to 1.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03]).tolist()]
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, np.float64)
    if not all(0.0 <= value <= 1.0 and math.isfinite(value) for value in p.tolist()):
        raise TidemarkError(
            f"P-values must be from 0 to 1; seen: {p.tolist()[:10]}.",
            hint="Leave out the tests that could not be made.",
        )
    order = np.argsort(p, kind="stable")
    stepwise = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepwise, 1.0)
    return adjusted


def _cumulative_gap(before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
    """Difference of the cumulative shares at each bin's right edge, (bins,)."""
    gap: NDArray[np.float64] = np.cumsum(before) / before.sum() - np.cumsum(after) / after.sum()
    return gap


def _counts(reference: Counts, current: Counts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both sides' counts of the bins that are not empty on both."""
    before, after = _checked(reference, current)
    seen = before + after > 0.0
    return before[seen], after[seen]


def _checked(reference: Counts, current: Counts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both sides as floats.

    Raises:
        TidemarkError: Not two arrays of one length, a negative or missing count, or no rows.
    """
    before, after = np.asarray(reference, np.float64), np.asarray(current, np.float64)
    problem = None
    if before.ndim != 1 or before.shape != after.shape:
        problem = f"{before.shape} reference bins against {after.shape} current ones"
    elif not ((before >= 0.0) & (after >= 0.0) & np.isfinite(before + after)).all():
        problem = "a count is negative or missing"
    elif not before.sum() or not after.sum():
        problem = f"{before.sum():g} reference rows against {after.sum():g} current ones"
    if problem:
        raise TidemarkError(
            f"Two distributions cannot be compared: {problem}.",
            hint="Needed: counts over the same bins, with rows on both sides.",
        )
    return before, after
