"""The monitors of one model of the past, morning by morning."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from ml_assets.monitoring.counting import count_bins
from ml_assets.monitoring.distributions import Distribution
from ml_assets.monitoring.drift_rows import DriftKind, DriftRow, drift_rows
from ml_assets.monitoring.evidence import Evidence, drift_evidence, performance_evidence
from ml_assets.monitoring.performance import PerformanceRow, performance_rows
from ml_assets.monitoring.recording import Measurement
from ml_assets.monitoring.reference import predicted_columns
from ml_assets.monitoring.windows import window_end, window_start
from ml_assets.policy_replay.history import History
from ml_assets.policy_replay.trainer import Trained
from ml_assets.spec.operating_sections import RetrainingCause
from ml_assets.targets.quantity_sums import POINT

if TYPE_CHECKING:
    import pyarrow as pa

_MOMENT = timedelta(microseconds=1)
_ROWS = "replayed_rows"


class Watch:
    """Measures the windows in which something new is known, and keeps what it found.

    As on the platform, a window is measured as its rows come, from `min_rows` on; only windows
    that begin after all that the model's training set held are evidence, so only these are
    measured.
    """

    def __init__(
        self,
        history: History,
        trained: Trained,
        *,
        version: int,
        causes: Collection[RetrainingCause],
    ) -> None:
        """Begins to watch a model.

        Args:
            history: The past.
            trained: The model.
            version: Its number.
            causes: The causes that the policy counts; the others are not measured.
        """
        self._history, self._spec = history, history.spec
        self._reference, self._version = trained.reference, version
        self._causes = causes
        # A window is small: more threads would only wait for each other.
        self._engine = duckdb.connect(config={"threads": 1})
        self._drift: dict[datetime, list[DriftRow]] = {}
        self._performance: dict[datetime, list[PerformanceRow]] = {}

    def look(self, now: datetime, output: NDArray[np.float64]) -> None:
        """Measures what the last day has brought: its rows, and labels that have become known.

        Args:
            now: A midnight (UTC).
            output: Of the model, (rows of the history, m); rows from `now` on are not read.
        """
        measurement = Measurement(self._spec.name, self._version, now, "replay")
        if "drift" in self._causes:
            window, rows = self._window(now - _MOMENT, self._history.position(now))
            if rows is not None:
                self._drift[window] = self._drifted(window, rows, output[rows], measurement)
        if "performance" in self._causes and self._spec.monitors.performance is not None:
            known = self._history.labelled_until(now)
            if known:
                newest = self._history.times[known - 1].astype(datetime).replace(tzinfo=UTC)
                window, rows = self._window(newest, known)
                if rows is not None:
                    self._performance[window] = self._performed(
                        window, rows, output[rows], measurement
                    )

    def evidence(self) -> list[Evidence]:
        """What has been found against the model so far."""
        known_until = self._reference.known_until
        drift = [row for rows in self._drift.values() for row in rows]
        performance = [row for rows in self._performance.values() for row in rows]
        return [
            *drift_evidence(
                drift, persistence=self._spec.monitors.persistence, known_until=known_until
            ),
            *performance_evidence(performance, known_until=known_until),
        ]

    def _window(self, moment: datetime, end: int) -> tuple[datetime, slice | None]:
        """The window of a moment and its rows before position `end`; None where none count."""
        kind = self._spec.monitors.window
        start = window_start(moment, kind)
        last = min(end, self._history.position(window_end(start, kind)))
        rows = slice(self._history.position(start), last)
        counts = start > self._reference.known_until and rows.stop - rows.start > 1
        return start, rows if counts else None

    def _drifted(
        self,
        window: datetime,
        rows: slice,
        output: NDArray[np.float64],
        measurement: Measurement,
    ) -> list[DriftRow]:
        table = self._history.table.slice(rows.start, rows.stop - rows.start)
        predicted = table
        for name, values in predicted_columns(self._spec, output).items():
            predicted = _with_column(predicted, name, values)
        reference = self._reference
        return [
            *self._compared(table, window, reference.features, "feature", measurement),
            *self._compared(predicted, window, reference.predictions, "prediction", measurement),
        ]

    def _compared(
        self,
        table: "pa.Table",
        window: datetime,
        reference: Distribution,
        kind: DriftKind,
        measurement: Measurement,
    ) -> list[DriftRow]:
        self._engine.register(_ROWS, table)
        groups = count_bins(
            self._engine,
            reference.bins,
            rows=f"from {_ROWS}",
            parameters={"window_start": window},
            segments=self._reference.segments,
            window="$window_start::timestamptz",
        )
        monitors = self._spec.monitors
        return drift_rows(groups, reference, monitors, kind=kind, measurement=measurement)

    def _performed(
        self,
        window: datetime,
        rows: slice,
        output: NDArray[np.float64],
        measurement: Measurement,
    ) -> list[PerformanceRow]:
        scored = self._history.table.slice(rows.start, rows.stop - rows.start)
        for name, values in _scores(self._history, rows, output).items():
            scored = _with_column(scored, name, values)
        return list(
            performance_rows(scored, self._spec, self._reference, window, measurement=measurement)
        )


def _scores(history: History, rows: slice, output: NDArray[np.float64]) -> dict[str, Any]:
    """The output as the columns that a table of scores has."""
    spec = history.spec
    if spec.label.classes:
        return {"probabilities": list(output)}
    if spec.forecast is not None:
        anchor = history.table.column(spec.forecast.anchor).to_numpy()[rows]
        output = output + anchor[:, None]
    names = ("prediction_value", "interval_low", "interval_high")
    return {name: output[:, POINT + place] for place, name in enumerate(names)}


def _with_column(table: "pa.Table", name: str, values: Any) -> "pa.Table":
    import pyarrow as pa

    if name in table.column_names:
        table = table.drop_columns([name])
    return table.append_column(name, pa.array(values))
