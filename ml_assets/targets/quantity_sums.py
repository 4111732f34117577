"""The sums over weighted rows that all metrics of predicted quantities are functions of.

As for classes (`metric_sums`): a weighted metric, a bootstrap replicate or a set of rows is the
same function (`statistics`) of other sums.
"""

import numpy as np
from numpy.typing import NDArray

from lakehouse.errors import TidemarkError
from ml_assets.metric_sums import ratio

Floats = NDArray[np.float64]

# Rows, absolute and squared errors, labels and their squares, right directions, rows that moved,
# labels inside their intervals, widths of the intervals.
SUM_COLUMNS = 9
POINT, LOW, HIGH = 0, 1, 2
OUTPUTS = 3


def row_sums(
    label: Floats,
    output: Floats,
    *,
    weights: Floats | None = None,
    unit: NDArray[np.integer] | None = None,
) -> Floats:
    """The sums that all metrics are functions of, for each unit of rows: (units, `SUM_COLUMNS`).

    A prediction of no change says nothing of the direction: it counts as half right where the
    label moved.

    Args:
        label: The quantities, (n,); of a forecast, the changes from the last known value.
        output: Prediction and its interval's lower and upper end, (n, 3), in the same unit.
        weights: Of the rows, (n,); None counts each row once.
        unit: The unit of each row, 0 and up, (n,); None puts all rows into one.

    Raises:
        TidemarkError: No rows, shapes that do not fit, or values that are no numbers.
    """
    _check(label, output, weights)
    n = len(label)
    place = np.zeros(n, np.intp) if unit is None else unit.astype(np.intp)
    units = int(place.max()) + 1
    point, low, high = output.astype(np.float64, copy=False).T
    error = point - label
    moved = label != 0.0
    right = np.where(point == 0.0, 0.5, (np.sign(point) == np.sign(label)).astype(np.float64))
    amounts = (
        np.ones(n),
        np.abs(error),
        error**2,
        label,
        label**2,
        np.where(moved, right, 0.0),
        moved.astype(np.float64),
        ((low <= label) & (label <= high)).astype(np.float64),
        high - low,
    )
    return np.stack(
        [
            np.bincount(place, amount if weights is None else amount * weights, minlength=units)
            for amount in amounts
        ],
        axis=1,
    )


def statistics(sums: Floats, *, changes: bool) -> dict[str, Floats]:
    """The metrics, by name, of each row (a set of rows, a replicate) of sums (B, columns): (B,).

    Theil's U is the inequality coefficient of Theil (Applied Economic Forecasting, 1966), often
    called U2: the root mean squared error over that of predicting no change, so that the random
    walk has 1. R squared is 1 less the squared error over that of predicting the rows' own mean.
    Both are NaN where the divisor is 0: labels that never change.

    Args:
        sums: Of `row_sums`.
        changes: Whether labels are changes from a last known value, which adds Theil's U and the
            share of right directions, and leaves R squared out.
    """
    rows, absolute, squared, total, total_squared, right, moved, covered, width = sums.T
    rows = np.where(rows > 0.0, rows, np.nan)
    found = {
        "mean_absolute_error": absolute / rows,
        "root_mean_squared_error": np.sqrt(squared / rows),
    }
    if changes:
        found["theils_u"] = np.sqrt(_quotient(squared, total_squared))
        found["direction_accuracy"] = ratio(right, moved)
    else:
        spread = total_squared - total**2 / rows
        # Rounding leaves a little of equal labels.
        spread = np.where(spread > 1e-12 * np.maximum(total_squared, 1e-300), spread, 0.0)
        found["r_squared"] = 1.0 - _quotient(squared, spread)
    found["interval_coverage"] = covered / rows
    found["interval_width"] = width / rows
    return found


def _quotient(part: Floats, whole: Floats) -> Floats:
    """The quotient, NaN where the whole is 0."""
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0.0)


def _check(label: Floats, output: Floats, weights: Floats | None) -> None:
    problem = None
    if output.ndim != 2 or output.shape[1] != OUTPUTS:
        problem = f"predictions have the shape {output.shape}, not (n, 3)"
    elif label.shape != output.shape[:1]:
        problem = f"there are {len(label)} labels for {len(output)} predictions"
    elif weights is not None and weights.shape != label.shape:
        problem = f"there are {len(weights)} weights for {len(label)} rows"
    elif not len(label):
        problem = "there are no rows"
    elif not np.isfinite(label).all() or not np.isfinite(output[:, POINT]).all():
        problem = "some labels or predictions are missing or infinite"
    elif not (output[:, LOW] <= output[:, HIGH]).all():
        problem = "some intervals are missing, or end before they begin"
    elif weights is not None and not (weights.min() >= 0.0 and weights.max() > 0.0):
        problem = "some weights are missing or negative, or all are 0"
    if problem:
        raise TidemarkError(
            f"Metrics cannot be computed: {problem}.",
            hint="Needed: numbers as labels (n,), predictions with intervals (n, 3), 1 row at"
            " least.",
        )
