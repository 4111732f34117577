"""What a model shows on folds of the training rows, beside what the baseline shows there."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class FoldResult:
    """One fold: fitted on some of the training rows, tested on others.

    Attributes:
        train_rows, test_rows: How many.
        times: First and last event time (UTC) of the test rows of a backtest; None of folds
            whose rows are dealt at random.
        metrics: Of the model on the test rows, by name.
        baseline: Of the naive model that was fitted on the same training rows.
    """

    train_rows: int
    test_rows: int
    times: tuple[datetime, datetime] | None
    metrics: dict[str, float]
    baseline: dict[str, float]


@dataclass(frozen=True)
class CrossValidation:
    """The folds in order: of a series backtests, one after the other; else groups of rows.

    Attributes:
        metric: The gate's.
        folds: One or more.
    """

    metric: str
    folds: tuple[FoldResult, ...]

    @property
    def values(self) -> tuple[float, ...]:
        """The gate's metric in each fold."""
        return tuple(fold.metrics[self.metric] for fold in self.folds)

    @property
    def mean(self) -> float:
        """The mean over the folds."""
        return float(np.mean(self.values))

    @property
    def standard_deviation(self) -> float:
        """The sample standard deviation over the folds; NaN of a single one."""
        return float(np.std(self.values, ddof=1)) if len(self.folds) > 1 else float("nan")

    def by_metric(self) -> dict[str, list[float]]:
        """The values of each metric, fold by fold."""
        return {name: [fold.metrics[name] for fold in self.folds] for name in self.folds[0].metrics}


def time_range(event_time: "pa.ChunkedArray") -> tuple[datetime, datetime]:
    """First and last of the times (UTC)."""
    times = event_time.to_numpy().astype("datetime64[us]")
    first, last = (
        moment.astype(datetime).replace(tzinfo=UTC) for moment in (times.min(), times.max())
    )
    return first, last
