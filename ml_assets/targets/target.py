"""What the platform has to know of what a model predicts, whatever that is."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ml_assets.metrics import TaskName

Floats = NDArray[np.float64]


class Target(Protocol):
    """Labels are a vector (n,), outputs of models a matrix (n, m) of numbers.

    All metrics are functions of sums over rows, so that intervals are quick to draw.
    """

    @property
    def task(self) -> TaskName:
        """The task, which says which metrics are defined."""
        ...

    @property
    def baseline(self) -> str:
        """What the naive model is, in words."""
        ...

    @property
    def outputs(self) -> int:
        """Columns of a model's output."""
        ...

    @property
    def sum_columns(self) -> int:
        """How many sums a set of rows has."""
        ...

    def sums(
        self,
        label: NDArray[Any],
        output: Floats,
        *,
        weights: Floats | None = None,
        unit: NDArray[np.integer] | None = None,
    ) -> Floats:
        """The sums of each unit of rows, (units, `sum_columns`)."""
        ...

    def statistics(self, sums: Floats) -> dict[str, Floats]:
        """The metrics, by name, of each row of sums (B, columns): (B,)."""
        ...


def metric_values(target: Target, label: NDArray[Any], output: Floats) -> dict[str, float]:
    """The metrics of one set of predictions, by name."""
    values = target.statistics(target.sums(label, output))
    return {name: float(value[0]) for name, value in values.items()}
