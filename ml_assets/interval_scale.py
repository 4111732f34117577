"""Intervals that are wide where the quantity moves much: in units of a column of the row."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lakehouse.errors import TidemarkError
from ml_assets.spec.document import ModelSpec

if TYPE_CHECKING:
    import pyarrow as pa

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class IntervalScale:
    """What an interval's ends are multiples of.

    Source: locally weighted conformal prediction; Lei and others, Journal of the American
    Statistical Association 113, 2018, section 5.2.

    Attributes:
        column: Column of positive numbers, such as the usual size of a move.
        usual: What stands in where a row has none: the training rows' median.
    """

    column: str
    usual: float

    def of(self, table: "pa.Table | pa.RecordBatch") -> Floats:
        """The unit of each row, (n,), above 0."""
        values = _numbers(table, self.column)
        return np.where(np.isfinite(values) & (values > 0.0), values, self.usual)

    def widened(self, output: Floats, table: "pa.Table | pa.RecordBatch") -> Floats:
        """The output (n, 3) whose interval is in units, with its interval as it is."""
        point = output[:, :1]
        return point + (output - point) * self.of(table)[:, None]


def interval_scale(spec: ModelSpec, table: "pa.Table") -> IntervalScale | None:
    """The spec's, with the median of the training rows; None where it names no column.

    Raises:
        TidemarkError: No row has a number above 0.
    """
    column = spec.intervals.scale
    if column is None:
        return None
    values = _numbers(table, column)
    positive = values[np.isfinite(values) & (values > 0.0)]
    if not len(positive):
        raise TidemarkError(
            f"{spec.name}: none of {table.num_rows:,} training rows has a number above 0 in"
            f" '{column}', by which intervals are to be widened.",
            hint="Correct intervals.scale in the spec, or the column in the dbt model.",
        )
    return IntervalScale(column, float(np.median(positive)))


def _numbers(table: "pa.Table | pa.RecordBatch", column: str) -> Floats:
    import pyarrow as pa

    values = table.column(column).cast(pa.float64()).fill_null(float("nan"))
    return np.asarray(values.to_numpy(zero_copy_only=False), np.float64)
