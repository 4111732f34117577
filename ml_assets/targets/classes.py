"""Classes, ordered or not: outputs are probabilities, (n, k)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_assets.metric_sums import row_sums, statistics, sum_columns
from ml_assets.metrics import TaskName

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ClassTarget:
    """One of some classes; labels are their indices.

    Attributes:
        classes: The k classes, in the order of the probabilities; lowest first if `ordinal`.
        ordinal: Whether they are ordered, which adds two metrics.
    """

    classes: tuple[int | str, ...]
    ordinal: bool = False

    @property
    def task(self) -> TaskName:
        """The task, which says which metrics are defined."""
        return "ordinal" if self.ordinal else "classification"

    @property
    def baseline(self) -> str:
        """What the naive model is, in words."""
        return "the naive baseline"

    @property
    def outputs(self) -> int:
        """Columns of a model's output."""
        return len(self.classes)

    @property
    def sum_columns(self) -> int:
        """How many sums a set of rows has."""
        return sum_columns(self.classes)

    def sums(
        self,
        label: NDArray[np.integer],
        output: Floats,
        *,
        weights: Floats | None = None,
        unit: NDArray[np.integer] | None = None,
    ) -> Floats:
        """The sums of each unit of rows, (units, `sum_columns`)."""
        return row_sums(label, output, classes=self.classes, weights=weights, unit=unit)

    def statistics(self, sums: Floats) -> dict[str, Floats]:
        """The metrics, by name, of each row of sums (B, columns): (B,)."""
        return statistics(sums, classes=self.classes, ordinal=self.ordinal)
