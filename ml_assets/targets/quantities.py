"""Quantities: outputs are a number and the ends of its interval, (n, 3)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_assets.metrics import TaskName
from ml_assets.targets.quantity_sums import OUTPUTS, SUM_COLUMNS, row_sums, statistics

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class QuantityTarget:
    """A number, or a forecast.

    Attributes:
        horizon: Rows from the last known value to the one that is forecast; labels and outputs
            are the changes between them. None for a number that is no forecast.
    """

    horizon: int | None = None

    @property
    def task(self) -> TaskName:
        """The task, which says which metrics are defined."""
        return "regression" if self.horizon is None else "forecast"

    @property
    def baseline(self) -> str:
        """What the naive model is, in words."""
        return "the naive baseline" if self.horizon is None else "the random walk"

    @property
    def outputs(self) -> int:
        """Columns of a model's output."""
        return OUTPUTS

    @property
    def sum_columns(self) -> int:
        """How many sums a set of rows has."""
        return SUM_COLUMNS

    def sums(
        self,
        label: Floats,
        output: Floats,
        *,
        weights: Floats | None = None,
        unit: NDArray[np.integer] | None = None,
    ) -> Floats:
        """The sums of each unit of rows, (units, `sum_columns`)."""
        return row_sums(label, output, weights=weights, unit=unit)

    def statistics(self, sums: Floats) -> dict[str, Floats]:
        """The metrics, by name, of each row of sums (B, columns): (B,)."""
        return statistics(sums, changes=self.horizon is not None)
