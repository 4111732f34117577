"""Trainings of the past: what one would have made on a day, out of what was known then."""

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from ml_assets.gate import GateEvidence, Verdict, decide
from ml_assets.labels import labels_of, target_of
from ml_assets.model import FittedModel
from ml_assets.monitoring.distributions import ModelReference
from ml_assets.monitoring.reference import reference_of
from ml_assets.policy_replay.history import History
from ml_assets.spec.document import ModelSpec
from ml_assets.split import Split
from ml_assets.training import fit, fit_baseline
from ml_assets.training_set import FILE_NAME, GROUP, ROLE, split_rows

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, eq=False)
class Trained:
    """A model as it would have been trained at a moment, and what the gate and monitors need.

    Attributes:
        at: The moment (UTC).
        model: The fitted model.
        baseline: The naive model out of the same rows.
        reference: Its reference.
        keys: The entity keys that it was trained on.
        known: What was known then: training rows, hold-out and others.
        holdout: Which of these are the hold-out, (known,).
        groups: Near-duplicate group of each of these, (known,).
        output: Of the model on the hold-out.
        seconds: How long the fitting took.
    """

    at: datetime
    model: FittedModel
    baseline: FittedModel
    reference: ModelReference
    keys: frozenset[Any]
    known: "pa.Table"
    holdout: NDArray[np.bool_]
    groups: NDArray[np.int64]
    output: NDArray[np.float64]
    seconds: float


class Trainer:
    """Trains as of any moment of a history, each moment once."""

    def __init__(
        self, spec: ModelSpec, history: History, *, window_days: int | None = None
    ) -> None:
        """Makes a trainer.

        Args:
            spec: The model's spec.
            history: The past.
            window_days: Age of the oldest row trained on; None for all rows.
        """
        self.spec, self.history = spec, history
        self._window_days = window_days
        self._trained: dict[datetime, Trained] = {}

    def train(self, now: datetime) -> Trained:
        """The model that a training at that moment would have made.

        Raises:
            TidemarkError: What was known then is too little to split.
        """
        if now not in self._trained:
            self._trained[now] = self._train(now)
        return self._trained[now]

    def verdict(self, challenger: Trained, champion: Trained | None, *, version: int) -> Verdict:
        """What the gate would have said on the challenger's hold-out.

        Args:
            challenger: The new model.
            champion: The one in production; None while the baseline serves.
            version: Number of the challenger.
        """
        chosen = challenger.holdout & ~self._seen_by(champion, challenger)
        rows = challenger.known.filter(chosen)
        baseline = challenger.baseline.output(rows)
        evidence = GateEvidence(
            label=labels_of(rows, self.spec),
            challenger=challenger.output[chosen[challenger.holdout]],
            champion=baseline if champion is None else champion.model.output(rows),
            baseline=baseline,
            challenger_version=version,
            champion_version=None if champion is None else version - 1,
            groups=challenger.groups[chosen],
            segments={
                name: np.asarray([str(value) for value in rows.column(name).to_pylist()])
                for name in self.spec.segments
            },
        )
        return decide(self.spec.gate, evidence, target=target_of(self.spec), seed=self.spec.seed)

    def _seen_by(self, champion: Trained | None, challenger: Trained) -> NDArray[np.bool_]:
        """Which known rows the champion was trained on, or nearly repeat one of those."""
        if champion is None:
            return np.zeros(challenger.known.num_rows, dtype=np.bool_)
        keys = challenger.known.column(self.spec.entity_key).to_pylist()
        seen = np.fromiter((key in champion.keys for key in keys), np.bool_, len(keys))
        return np.isin(challenger.groups, challenger.groups[seen])

    def _train(self, now: datetime) -> Trained:
        known = self.history.known(now, window_days=self._window_days)
        split, groups = split_rows(known, self.spec)
        train, holdout = known.filter(split.train), known.filter(split.holdout)
        label = labels_of(train, self.spec)
        fitted = fit(self.spec, train, label, groups[split.train])
        output = fitted.model.output(holdout)
        return Trained(
            at=now,
            model=fitted.model,
            baseline=fit_baseline(self.spec, train, label),
            reference=self._reference(known, split, groups, output),
            keys=frozenset(train.column(self.spec.entity_key).to_pylist()),
            known=known,
            holdout=split.holdout,
            groups=groups,
            output=output,
            seconds=fitted.seconds,
        )

    def _reference(
        self,
        known: "pa.Table",
        split: Split,
        groups: NDArray[np.int64],
        output: NDArray[np.float64],
    ) -> ModelReference:
        import pyarrow as pa
        import pyarrow.parquet as pq

        rows = known.append_column(ROLE, pa.array(split.role.astype(str)))
        rows = rows.append_column(GROUP, pa.array(groups))
        cutoff: datetime = split.cutoff.astype("datetime64[us]").astype(datetime)
        with tempfile.TemporaryDirectory() as folder, duckdb.connect() as engine:
            file = Path(folder) / FILE_NAME
            pq.write_table(rows, file)
            return reference_of(
                engine,
                self.spec,
                file=str(file),
                holdout=rows.filter(split.holdout),
                holdout_output=output,
                holdout_cutoff=cutoff.replace(tzinfo=UTC),
            )
