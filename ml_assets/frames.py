"""The one way from Arrow columns to the frame that a model's preprocessing reads."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

# A category of its own: a model may learn from absence, and no real value is written like this.
MISSING_CATEGORY = "(missing)"


@dataclass(frozen=True)
class FeatureColumns:
    """The feature columns by kind, in the order in which a model sees them."""

    text: tuple[str, ...]
    categorical: tuple[str, ...]
    numeric: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """All feature columns."""
        return self.text + self.categorical + self.numeric


def feature_frame(columns: FeatureColumns, table: "pa.Table | pa.RecordBatch") -> "pl.DataFrame":
    """The features of each row, (n, features): text and categories as strings, numbers as Float64.

    A null text becomes the empty text, a null category `(missing)`, a null number NaN: the same
    in training, batch scoring and service, because all of them come through here.
    """
    import polars as pl

    frame = pl.from_arrow(table)
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("A table or record batch is expected, not a single column.")
    return frame.select(
        *(pl.col(name).cast(pl.String).fill_null("") for name in columns.text),
        *(pl.col(name).cast(pl.String).fill_null(MISSING_CATEGORY) for name in columns.categorical),
        *(pl.col(name).cast(pl.Float64).fill_null(float("nan")) for name in columns.numeric),
    )
