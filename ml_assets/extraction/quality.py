"""Precision, recall and F1 of extracted values against the truth of labelled rows.

What is compared are the different values that a row has of a field: a value that is found and true
is right however often it is mentioned, and wherever. Counts are summed over rows before anything is
divided (micro-averaging): a row with five true values counts five times as much as one with one,
and rows in which nothing is true and nothing is found count for nothing. Over all fields it is the
same with the sums of all.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_assets.bootstrap import Interval
from ml_assets.metric_sums import ratio
from ml_assets.spec.extraction_rules import ALL_FIELDS

Floats = NDArray[np.float64]
# Found and true; found and not true; true and not found.
COUNTS = 3
QUALITIES = ("precision", "recall", "f1")


def row_counts(found: Collection[str], true: Collection[str]) -> tuple[int, int, int]:
    """How many of a row's different values are right, wrong and missed.

    >>> row_counts(["string", "neck", "string"], ["string", "pickup", "capo"])
    (1, 1, 2)
    """
    ours, theirs = set(found), set(true)
    return len(ours & theirs), len(ours - theirs), len(theirs - ours)


def qualities(counts: Floats) -> dict[str, Floats]:
    """Precision, recall and F1 of each row of counts (..., 3): (...), NaN where nothing counts.

    Precision is right / (right + wrong), recall right / (right + missed), F1 their harmonic mean,
    2 right / (2 right + wrong + missed).

    >>> {name: float(value) for name, value in qualities(np.array([6.0, 2.0, 4.0])).items()}
    ... # doctest: +ELLIPSIS
    {'precision': 0.75, 'recall': 0.6, 'f1': 0.666...}
    """
    right, wrong, missed = np.moveaxis(np.asarray(counts, dtype=np.float64), -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "precision": right / (right + wrong),
            "recall": right / (right + missed),
            "f1": 2 * right / (2 * right + wrong + missed),
        }


def quality_intervals(counts: Sequence[float], *, confidence: float = 0.95) -> dict[str, Interval]:
    """Precision, recall and F1 with Wilson's intervals; those of which nothing counts left out.

    Precision and recall are shares. F1 is 2J / (1 + J) of the share J = right / (right + wrong +
    missed), and grows with it, so its interval's ends are those of J's. Unlike resamples, these
    intervals are not of width 0 where all of few values are right; they take values for
    independent, which several of one row need not be.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", Journal
    of the American Statistical Association 22, 1927.

    >>> found = quality_intervals([20, 0, 0])["precision"]
    >>> found.estimate, round(found.low, 3), found.high
    (1.0, 0.839, 1.0)
    """
    right, wrong, missed = counts
    totals = {"precision": right + wrong, "recall": right + missed, "f1": right + wrong + missed}
    values = qualities(np.asarray(counts, dtype=np.float64))
    intervals = {}
    for name, total in totals.items():
        if not total:
            continue
        low, high = wilson(right, total, confidence=confidence)
        if name == "f1":
            low, high = 2 * low / (1 + low), 2 * high / (1 + high)
        intervals[name] = Interval(float(values[name]), low, high, confidence)
    return intervals


def wilson(right: float, total: float, *, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a share of `total`, which is above 0.

    >>> [round(end, 4) for end in wilson(8, 10)]
    [0.4902, 0.9433]
    """
    from scipy.special import ndtri

    z = float(ndtri(0.5 + confidence / 2))
    share = right / total
    middle = share + z**2 / (2 * total)
    half = z * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    scale = 1 + z**2 / total
    # Rounding must not leave the share itself outside.
    return min((middle - half) / scale, share) if right else 0.0, (
        max((middle + half) / scale, share) if right < total else 1.0
    )


@dataclass(frozen=True)
class F1Difference:
    """How much more F1 one version has than another on the same rows, with its interval."""

    estimate: float
    low: float
    high: float


def f1_difference(
    ours: NDArray[Any],
    theirs: NDArray[Any],
    *,
    seed: int,
    confidence: float = 0.95,
    replicates: int = 1000,
) -> F1Difference:
    """The difference in F1 with its paired bootstrap interval over rows.

    Rows are drawn, not values: what a row has of values stays together. A resample without any
    value says that there is no difference.

    Args:
        ours: Counts of each row of the version that is judged, (n, 3).
        theirs: Those of the version it is compared with, (n, 3).
        seed: Of the draws.
        confidence: Above 0 and below 1.
        replicates: Number of resamples.
    """
    # Equal rows are one kind of row: drawn as a multinomial, many rows cost no more than few.
    kinds, sizes = np.unique(np.hstack([ours, theirs]), axis=0, return_counts=True)
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(len(ours), sizes / len(ours), size=replicates)
    drawn = _f1_gap((weights @ kinds).astype(np.float64))
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    estimate = float(_f1_gap((sizes @ kinds).astype(np.float64)[None])[0])
    return F1Difference(estimate, min(float(low), estimate), max(float(high), estimate))


def _f1_gap(sums: Floats) -> Floats:
    """F1 of the first three sums less that of the last three, 0 where nothing counts, (B,)."""
    ours, theirs = (
        ratio(2 * half[:, 0], 2 * half[:, 0] + half[:, 1] + half[:, 2])
        for half in np.split(sums, 2, axis=1)
    )
    return np.asarray(ours - theirs, np.float64)


def with_all(counts: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The counts of all fields together, then of each field, (n, 3) each; fields are not mixed up.

    A row that is labelled in one field only has zeros in the others.
    """
    if not counts:
        return {}
    total = np.sum(list(counts.values()), axis=0)
    return {ALL_FIELDS: total, **counts}
