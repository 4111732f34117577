"""How far a classifier's confidence is from its accuracy: reliability table and calibration error.

A row's confidence is the probability of the class it is given to. Rows fall into equal-width bins
of confidence, closed on the right: (0, 1/15], (1/15, 2/15] ... (14/15, 1]. Source: Guo, Pleiss,
Sun, Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, equations 2 and 3.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lakehouse.errors import TidemarkError

CONFIDENCE_BINS = 15


@dataclass(frozen=True)
class ReliabilityBin:
    """One bin of confidence: means are over its rows, None where it has none."""

    lower: float
    upper: float
    count: int
    mean_confidence: float | None
    accuracy: float | None


def confidence_bins(
    confidence: NDArray[np.float64], *, bins: int = CONFIDENCE_BINS
) -> NDArray[np.int64]:
    """The bin, 0 to `bins` - 1, of each confidence from 0 to 1; 0 falls into the first.

    >>> confidence_bins(np.array([0.0, 0.5, 0.51, 1.0]), bins=2).tolist()
    [0, 0, 1, 1]
    """
    edges = np.linspace(0.0, 1.0, bins + 1)
    return np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)


def reliability_table(
    label: NDArray[np.integer], probabilities: NDArray[np.float64], *, bins: int = CONFIDENCE_BINS
) -> tuple[ReliabilityBin, ...]:
    """All bins of confidence from low to high, with what a reliability diagram draws.

    Args:
        label: Class indices, (n,).
        probabilities: Of the classes, (n, k); the highest is the prediction, the first of equals.
        bins: Number of equal-width bins, 1 or more.

    Raises:
        TidemarkError: `bins` is below 1.

    >>> table = reliability_table(np.array([0, 1]), np.array([[0.9, 0.1], [0.8, 0.2]]), bins=2)
    >>> table[1].count, round(table[1].mean_confidence, 2), table[1].accuracy
    (2, 0.85, 0.5)
    """
    if bins < 1:
        raise TidemarkError(
            f"A reliability table was asked for with {bins} bins.", hint="Take 1 or more."
        )
    confidence = probabilities.max(axis=1, initial=0.0)
    correct = probabilities.argmax(axis=1) == label
    row_bin = confidence_bins(confidence, bins=bins)
    count = np.bincount(row_bin, minlength=bins)
    confident = np.bincount(row_bin, confidence, minlength=bins)
    right = np.bincount(row_bin, correct, minlength=bins)
    edges = np.linspace(0.0, 1.0, bins + 1)
    return tuple(
        ReliabilityBin(
            lower=float(edges[i]),
            upper=float(edges[i + 1]),
            count=int(count[i]),
            mean_confidence=float(confident[i] / count[i]) if count[i] else None,
            accuracy=float(right[i] / count[i]) if count[i] else None,
        )
        for i in range(bins)
    )


def expected_calibration_error(
    gaps: NDArray[np.float64], total: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean absolute gap between accuracy and confidence, the bins weighted by their rows; 0 to 1.

    Args:
        gaps: Sum over a bin's rows of (1 if correct else 0) - confidence; (..., bins).
        total: Sum of all rows' weights; (...).

    >>> expected_calibration_error(np.array([[0.0, -0.7]]), np.array([2.0])).tolist()
    [0.35]
    """
    error: NDArray[np.float64] = np.abs(gaps).sum(axis=-1) / total
    return error
