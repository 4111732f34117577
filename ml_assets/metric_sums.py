"""The sums over weighted rows that all metrics of classifiers are functions of.

A metric depends on the rows through a few sums only: hits, actual and predicted counts of each
class, the calibration gap of each bin of confidence, the total loss and errors. A weighted metric
or a bootstrap replicate is the same function (`statistics`) of other sums, so that a thousand
replicates are one matrix product of weights and `row_sums`.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lakehouse.errors import TidemarkError
from ml_assets.calibration import CONFIDENCE_BINS, confidence_bins, expected_calibration_error

_SUM_TOLERANCE = 1e-3  # probabilities stored as 32-bit floats, or rounded to three digits


def sum_columns(classes: Sequence[int | str]) -> int:
    """How many sums there are for these classes.

    >>> sum_columns(["bad", "good"])
    24
    """
    return 3 * len(classes) + CONFIDENCE_BINS + 3


def row_sums(
    label: NDArray[np.integer],
    probabilities: NDArray[np.float64],
    *,
    classes: Sequence[int | str],
    weights: NDArray[np.float64] | None = None,
    unit: NDArray[np.integer] | None = None,
) -> NDArray[np.float64]:
    """The sums that all metrics are functions of, for each unit of rows: (units, columns).

    The columns (`sum_columns`): hits (k), actual (k) and predicted (k) rows of each class; sum of
    correct - confidence in each of 15 bins; log loss; absolute error; squared error in places.
    The sums over two sets of rows add up to the sums over both.

    Args:
        label: Class indices, (n,).
        probabilities: Of the classes, (n, k).
        classes: The k classes.
        weights: Of the rows, (n,); None counts each row once.
        unit: The unit of each row, 0 and up, (n,); None puts all rows into one.

    Raises:
        TidemarkError: As for `classification_metrics`.
    """
    _check(label, probabilities, classes=classes, weights=weights)
    n, k = probabilities.shape
    probabilities = probabilities.astype(np.float64, copy=False)
    unit = np.zeros(n, np.intp) if unit is None else unit.astype(np.intp)
    units = int(unit.max()) + 1
    predicted = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    correct = (predicted == label).astype(np.float64)
    eps = np.finfo(np.float64).eps
    loss = -np.log(np.clip(probabilities[np.arange(n), label], eps, 1.0 - eps))
    value = _class_values(classes)
    each, one = np.zeros(n, np.intp), np.ones(n)
    blocks = (  # columns of the block, the row's place among them, what it adds there
        (k, label, correct),
        (k, label, one),
        (k, predicted, one),
        (CONFIDENCE_BINS, confidence_bins(confidence), correct - confidence),
        (1, each, loss),
        (1, each, np.abs(value[predicted] - value[label])),
        (1, each, (predicted - label).astype(np.float64) ** 2),
    )
    return np.concatenate(
        [
            np.bincount(
                unit * width + place,
                amount if weights is None else amount * weights,
                minlength=units * width,
            ).reshape(units, width)
            for width, place, amount in blocks
        ],
        axis=1,
    )


def statistics(
    sums: NDArray[np.float64], *, classes: Sequence[int | str], ordinal: bool
) -> dict[str, NDArray[np.float64]]:
    """The metrics, by name, of each row (a set of rows, a replicate) of sums (B, columns): (B,).

    Sums over no rows give NaN.
    """
    k = len(classes)
    ends = [k, 2 * k, 3 * k, 3 * k + CONFIDENCE_BINS]
    hits, actual, predicted, gaps, rest = np.split(sums, ends, axis=1)
    loss, error, squared = rest.T
    total = actual.sum(axis=1)
    total = np.where(total > 0.0, total, np.nan)
    occurs = (actual + predicted) > 0.0
    f1 = ratio(2.0 * hits, actual + predicted)
    result = {
        "accuracy": hits.sum(axis=1) / total,
        "macro_f1": f1.sum(axis=1) / np.where(total > 0.0, occurs.sum(axis=1), np.nan),
        "log_loss": loss / total,
        "expected_calibration_error": expected_calibration_error(gaps, total),
    }
    if ordinal:
        result["mean_absolute_error"] = error / total
        result["quadratic_weighted_kappa"] = _kappa(actual, predicted, squared)
    return result


def _kappa(
    actual: NDArray[np.float64], predicted: NDArray[np.float64], squared: NDArray[np.float64]
) -> NDArray[np.float64]:
    """1 - observed / expected squared distance; the expected one needs the margins' moments only.

    Sum over i, j of a_i p_j (i - j)^2 is n (A2 + P2) - 2 A1 P1, with A1, A2 the first and second
    moments of the actual places (weights a_i that sum to n) and P1, P2 of the predicted ones.
    """
    place = np.arange(actual.shape[1], dtype=np.float64)
    total = actual.sum(axis=1)
    first = (actual @ place) * (predicted @ place)
    second = (actual + predicted) @ place**2
    expected = total * second - 2.0 * first
    # Chance alone agrees fully up to rounding: kappa is 0 / 0 there, and says nothing.
    certain = expected <= 1e-12 * np.maximum(total * second, 1e-300)
    kappa: NDArray[np.float64] = np.where(
        certain, 0.0, 1.0 - total * squared / np.where(certain, 1.0, expected)
    )
    return kappa


def ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quotients of equal shape, 0 where the whole is 0.

    >>> ratio(np.array([1.0, 0.0]), np.array([2.0, 0.0])).tolist()
    [0.5, 0.0]
    """
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0.0)


def _class_values(classes: Sequence[int | str]) -> NDArray[np.float64]:
    """The classes' own numbers where all are numbers, else their places 0, 1, 2 ..."""
    numbers = [float(name) for name in classes if isinstance(name, (int, float))]
    return np.array(numbers if len(numbers) == len(classes) else range(len(classes)), np.float64)


def _check(
    label: NDArray[np.integer],
    probabilities: NDArray[np.float64],
    *,
    classes: Sequence[int | str],
    weights: NDArray[np.float64] | None,
) -> None:
    """Raise what makes metrics of these rows impossible or a lie."""
    k = len(classes)
    problem = None
    if k < 2 or probabilities.ndim != 2 or probabilities.shape[1] != k:
        problem = f"probabilities have the shape {probabilities.shape} for {k} classes"
    elif label.shape != probabilities.shape[:1]:
        problem = f"there are {len(label)} labels for {len(probabilities)} rows of probabilities"
    elif weights is not None and weights.shape != label.shape:
        problem = f"there are {len(weights)} weights for {len(label)} rows"
    elif not len(label):
        problem = "there are no rows"
    elif label.dtype.kind not in "iu":
        problem = f"labels have the type {label.dtype} where class indices are needed"
    elif label.min() < 0 or label.max() >= k:
        problem = f"labels go from {label.min()} to {label.max()} for {k} classes"
    elif not (probabilities.min() >= 0.0) or not (
        np.abs(probabilities.sum(axis=1) - 1.0).max() <= _SUM_TOLERANCE
    ):
        problem = "some probabilities are missing, negative or do not sum to 1"
    elif weights is not None and not (weights.min() >= 0.0 and weights.max() > 0.0):
        problem = "some weights are missing or negative, or all are 0"
    if problem:
        raise TidemarkError(
            f"Metrics cannot be computed: {problem}.",
            hint="Needed: labels 0 to k - 1 (n,), probabilities (n, k) whose rows sum to 1, "
            "2 classes and 1 row at least.",
        )
