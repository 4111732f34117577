"""The past as it came: which rows, and which labels, were there on a day."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lakehouse.connection import Lake
from lakehouse.errors import TidemarkError
from ml_assets.labels import labels_of
from ml_assets.spec.document import ModelSpec
from ml_assets.training_set import labelled_rows

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, eq=False)
class History:
    """Labelled rows in the order of event time, and what of them was known when.

    Attributes:
        spec: The model's spec.
        table: The rows, with the spec's columns.
    """

    spec: ModelSpec
    table: "pa.Table"

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @cached_property
    def times(self) -> NDArray[np.datetime64]:
        """UTC event times of the rows, (n,), ascending."""
        column = self.table.column(self.spec.event_time).to_numpy(zero_copy_only=False)
        return np.asarray(column, dtype="datetime64[us]")

    @cached_property
    def label(self) -> NDArray[Any]:
        """The rows' labels as the spec's target has them, (n,)."""
        return labels_of(self.table, self.spec)

    def position(self, moment: datetime) -> int:
        """How many rows are older than the moment."""
        return int(np.searchsorted(self.times, _naive(moment), side="left"))

    def labelled_until(self, now: datetime) -> int:
        """How many rows, the oldest, are older than `now` and had a known label by then."""
        forecast = self.spec.forecast
        if forecast is not None:
            # The label stands so many times of the data later.
            before = np.unique(self.times[: self.position(now)])
            if len(before) <= forecast.horizon:
                return 0
            return int(np.searchsorted(self.times, before[-forecast.horizon], side="left"))
        known = _naive(now) - np.timedelta64(self.spec.label.delay_days, "D")
        return min(self.position(now), int(np.searchsorted(self.times, known, side="right")))

    def known(self, now: datetime, *, window_days: int | None = None) -> "pa.Table":
        """What could be trained on at `now`: rows older than that whose label was known.

        Args:
            now: A moment (UTC).
            window_days: Age of the oldest row, in days (a sliding window); None for all rows.
        """
        first = 0 if window_days is None else self.position(now - timedelta(days=window_days))
        return self.table.slice(first, max(0, self.labelled_until(now) - first))

    def days(self, start: datetime) -> list[datetime]:
        """Every midnight (UTC) from that of `start` to that of the newest row's day."""
        newest = midnight(_aware(self.times[-1]))
        first = midnight(start)
        return [first + timedelta(days=day) for day in range((newest - first).days + 1)]

    def between(self, start: datetime, end: datetime) -> "History":
        """The rows from `start` to before `end`."""
        first, last = self.position(start), self.position(end)
        return History(self.spec, self.table.slice(first, last - first))

    def start_after(self, share: float) -> datetime:
        """The first midnight (UTC) at which that share of the rows is over.

        Args:
            share: Above 0 and below 1.
        """
        at = _aware(self.times[int(share * len(self))])
        return midnight(at) + timedelta(days=1)


def history_of(lake: Lake, spec: ModelSpec) -> History:
    """All rows of the spec's table that have a label now.

    Raises:
        TidemarkError: There are none.
    """
    table = labelled_rows(lake, spec, snapshot_id=lake.snapshot_id(), now=datetime.now(UTC))
    if table.num_rows == 0:
        raise TidemarkError(
            f"{spec.name}: marts.{spec.table} has no labelled rows, so there is nothing to replay.",
            hint="Land files and run `tidemark run` first.",
        )
    return History(spec, table)


def midnight(moment: datetime) -> datetime:
    """The beginning of the moment's day."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _naive(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")


def _aware(moment: np.datetime64) -> datetime:
    value: datetime = moment.astype("datetime64[us]").astype(datetime)
    return value.replace(tzinfo=UTC)
