"""Class weights and undersampling for classes of unequal size."""

import numpy as np
from numpy.typing import NDArray

from lakehouse.errors import TidemarkError


def class_weights(label: NDArray[np.integer], k: int, *, ratio: float = 1.0) -> NDArray[np.float64]:
    """Weights by which no class weighs more than `ratio` times the rarest: (k,), 0 for absent ones.

    The total weight of a class is its rows', cut at `ratio` times the rows of the rarest class that
    occurs; weights are then scaled to a mean of 1 over the rows. At 1 they are n / (classes that
    occur * rows of the class), scikit-learn's "balanced" weights.

    Args:
        label: Class indices 0 to k - 1, (n,).
        k: Number of classes.
        ratio: 1 or more; 1 gives all classes that occur the same total.

    Raises:
        TidemarkError: A label is outside 0 to k - 1, or `ratio` is below 1.

    >>> class_weights(np.array([0, 0, 0, 2]), 3).round(3).tolist()
    [0.667, 0.0, 2.0]
    """
    _check_ratio(ratio)
    if len(label) and not 0 <= int(label.min()) <= int(label.max()) < k:
        raise TidemarkError(
            f"Labels go from {label.min()} to {label.max()}, but there are {k} classes.",
            hint="Labels are class indices, 0 to k - 1.",
        )
    count = np.bincount(label, minlength=k)
    occurs = count > 0
    if not occurs.any():
        return np.zeros(k)
    total = np.minimum(count, ratio * count[occurs].min())
    weights: NDArray[np.float64] = total / np.where(occurs, count, 1) * (len(label) / total.sum())
    return weights


def undersample(label: NDArray[np.integer], *, seed: int, ratio: float = 1.0) -> NDArray[np.int64]:
    """Ascending row indices to keep: no class has more than `ratio` times the smallest's rows.

    Rows are dropped at random from the classes above the limit only. Classes without rows count
    for nothing.

    Args:
        label: Class indices, (n,).
        seed: Of the choice.
        ratio: 1 or more; 1 makes all classes equal in size.

    Raises:
        TidemarkError: `ratio` is below 1.

    >>> undersample(np.array([0, 1, 0, 0, 1]), seed=1).size
    4
    """
    _check_ratio(ratio)
    random = np.random.default_rng(seed)
    classes, count = np.unique(label, return_counts=True)
    limit = int(ratio * count.min()) if len(count) else 0
    kept = [np.empty(0, np.int64)]
    for name, rows in zip(classes, count, strict=True):
        members = np.flatnonzero(label == name)
        kept.append(random.choice(members, limit, replace=False) if rows > limit else members)
    return np.sort(np.concatenate(kept))


def _check_ratio(ratio: float) -> None:
    if not ratio >= 1.0:
        raise TidemarkError(
            f"A ratio of {ratio} between the largest class and the smallest cannot be.",
            hint="Take 1 (all classes equal) or more.",
        )
