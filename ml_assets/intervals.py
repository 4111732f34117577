"""Prediction intervals out of residuals on rows that the model has not seen."""

import math

import numpy as np
from numpy.typing import NDArray

from lakehouse.errors import TidemarkError


def conformal_offsets(residuals: NDArray[np.float64], *, coverage: float) -> tuple[float, float]:
    """From a prediction to the ends of an interval that holds the label with that probability.

    Split conformal prediction with an equal share of labels on either side. Of n residuals the
    lower end is the one of rank floor((n + 1) * a / 2), the upper that of rank
    ceil((n + 1) * (1 - a / 2)), with a = 1 - coverage: for exchangeable residuals the coverage is
    then no less than asked. Those of a time series are not: what it is there is measured.

    Source: Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World", 2005; Lei and
    others, Journal of the American Statistical Association 113, 2018, section 2.

    Args:
        residuals: Labels less predictions, (n,), of rows that the model was not fitted on.
        coverage: Above 0 and below 1.

    Raises:
        TidemarkError: Too few residuals for so wide an interval.

    >>> conformal_offsets(np.arange(-9.0, 10.0), coverage=0.8)
    (-8.0, 8.0)
    """
    n = len(residuals)
    tail = (1.0 - coverage) / 2.0
    # Rounded: (n + 1) * 0.05 of 19 residuals is 1, not a little less.
    low = math.floor(round((n + 1) * tail, 9))
    high = math.ceil(round((n + 1) * (1.0 - tail), 9))
    if low < 1 or high > n:
        raise TidemarkError(
            f"{n} residuals are too few for intervals that hold {coverage:.0%} of the labels.",
            hint=f"{math.ceil(round(1.0 / tail, 9)) - 1} are the least: train on more rows, or ask"
            " for a smaller coverage.",
        )
    ordered = np.sort(residuals)
    return float(ordered[low - 1]), float(ordered[high - 1])


def conformal_margin(
    label: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    *,
    coverage: float,
) -> float:
    """What to add at both ends of predicted intervals so that they hold that share of labels.

    Conformalized quantile regression: the score of a row is how far its label lies outside its
    interval, negative inside, and the margin is the score of rank ceil((n + 1) * coverage). For
    exchangeable rows the coverage is then no less than asked, and the intervals keep their
    differences from row to row. With scores from folds, as here, instead of one set of rows apart,
    this is the usual practice (CV+ has a guarantee for it), and it wastes no rows.

    Source: Romano, Patterson and Candes, "Conformalized Quantile Regression", Advances in Neural
    Information Processing Systems 32, 2019, equations 6 to 8; for folds, Barber, Candes, Ramdas
    and Tibshirani, "Predictive Inference with the Jackknife+", Annals of Statistics 49, 2021.

    Args:
        label: Of rows that the interval's models were not fitted on, (n,).
        low: The lower ends of their intervals, (n,).
        high: The upper ends.
        coverage: Above 0 and below 1.

    Raises:
        TidemarkError: Too few rows for so wide an interval.

    >>> label = np.arange(1.0, 10.0)
    >>> conformal_margin(label, np.zeros(9), np.full(9, 5.0), coverage=0.8)
    3.0
    """
    n = len(label)
    rank = math.ceil(round((n + 1) * coverage, 9))
    if rank > n:
        raise TidemarkError(
            f"{n} rows are too few for intervals that hold {coverage:.0%} of the labels.",
            hint=f"{math.ceil(round(coverage / (1.0 - coverage), 9))} are the least: train on more"
            " rows, or ask for a smaller coverage.",
        )
    score = np.maximum(low - label, label - high)
    return float(np.sort(score)[rank - 1])
