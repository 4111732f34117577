"""Backtests: folds of a series in which training rows never know what is to be forecast."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lakehouse.errors import TidemarkError

Rows = NDArray[np.int64]


def backtest_folds(
    rows: int, *, folds: int, gap: int, window_rows: int | None = None
) -> Iterator[tuple[Rows, Rows]]:
    """Training and test rows of each fold, the folds one after the other to the end of the series.

    The rows are cut into `folds` + 1 equal parts, and each part but the first is a test once. Its
    training rows end `gap` rows before it: a label `gap` rows ahead is known by then.

    Source: Hyndman and Athanasopoulos, "Forecasting: Principles and Practice", 3rd edition, 2021,
    section 5.10; the gap after de Prado, "Advances in Financial Machine Learning", 2018, chapter 7.

    Args:
        rows: Length of the series, in the order of time.
        folds: 1 or more.
        gap: Rows between training and test, 0 or more.
        window_rows: Training rows at the most, the newest (a sliding window); None takes all
            before the test (an expanding one).

    Raises:
        TidemarkError: The first fold would have nothing to train on.

    >>> [(train.tolist(), test.tolist()) for train, test in backtest_folds(9, folds=2, gap=1)]
    [([0, 1], [3, 4, 5]), ([0, 1, 2, 3, 4], [6, 7, 8])]
    """
    bounds = np.linspace(0, rows, folds + 2).round().astype(np.int64)
    if folds < 1 or bounds[1] - gap < 1:
        raise TidemarkError(
            f"{rows} rows are too few for {folds} backtests with a gap of {gap}.",
            hint=f"Take fewer folds, or more than {(gap + 1) * (folds + 1)} rows.",
        )
    for start, end in pairwise(bounds[1:]):
        last = int(start) - gap
        first = 0 if window_rows is None else max(0, last - window_rows)
        yield np.arange(first, last), np.arange(start, end)
