"""Which rows of a series are one piece of evidence: those whose forecasts overlap."""

import math

import numpy as np
from numpy.typing import NDArray


def time_blocks(rows: int, *, horizon: int) -> NDArray[np.int64]:
    """The block of each row, (n,), for intervals of a series' metrics by resampling whole blocks.

    Errors of forecasts over `horizon` rows overlap and are alike within that many rows. Blocks are
    twice as long, and no shorter than the cube root of the rows, as the theory of the block
    bootstrap has it.

    Source: Kuensch, Annals of Statistics 17, 1989; Lahiri, "Resampling Methods for Dependent Data",
    2003, chapter 7.

    Args:
        rows: In the order of time.
        horizon: Of the forecasts, 1 or more.

    >>> time_blocks(5, horizon=1).tolist()
    [0, 0, 1, 1, 2]
    """
    length = max(2 * horizon, math.ceil(rows ** (1 / 3)))
    blocks: NDArray[np.int64] = np.arange(rows, dtype=np.int64) // length
    return blocks
