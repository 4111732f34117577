"""One policy through the past: each day scored by the model that stood the evening before."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from lakehouse.errors import TidemarkError
from ml_assets.policy_replay.policies import Policy
from ml_assets.policy_replay.trainer import Trained, Trainer
from ml_assets.policy_replay.watch import Watch
from ml_assets.retraining import RetrainingDecision, decide_retraining

FIRST = "first training"
_BASELINE_VERSION = 1
_DAY = timedelta(days=1)
# A model's score of a row depends on that row alone. So the days ahead are scored at once, which
# costs as much as one day, and scored anew if another model comes.
_AHEAD = timedelta(days=28)


@dataclass(frozen=True)
class Training:
    """A training of the replay.

    Attributes:
        at: When (UTC).
        version: Number of the model that it made.
        promoted: Whether that went into production.
        reason: Why it was trained.
        seconds: How long the fitting took.
    """

    at: datetime
    version: int
    promoted: bool
    reason: str
    seconds: float


@dataclass(frozen=True, eq=False)
class Walk:
    """What came of a policy.

    Attributes:
        policy: Its name.
        first: Position in the history of the first row that was scored.
        output: What the model of each scored row's day gave, (rows from `first` on, m).
        trainings: In order, the first one included.
    """

    policy: str
    first: int
    output: NDArray[np.float64]
    trainings: tuple[Training, ...]


def replay(policy: Policy, trainer: Trainer, *, start: datetime, gate: bool = True) -> Walk:
    """Lives through the history day by day from the midnight of `start`.

    At each midnight the policy decides on what is known by then: rows and labels of earlier days.
    The model that stands then scores the rows of the day that begins. Nothing of a later row is
    read, neither for a training nor for a decision.

    Args:
        policy: When to retrain.
        trainer: Trains as of a day.
        start: The day (UTC) of the first training, and the first that is scored.
        gate: Whether a challenger must pass the spec's gate; else each one serves.

    Raises:
        TidemarkError: What is known at `start` is too little to train on, or no row is later.
    """
    history = trainer.history
    days = history.days(start)
    first = history.position(days[0]) if days else len(history)
    if first == len(history):
        raise TidemarkError(
            f"{trainer.spec.name}: there are no labelled rows from {start:%Y-%m-%d} on.",
            hint=f"They end on {history.times[-1]}: begin the replay earlier.",
        )
    production = _Production(policy, trainer, gate=gate)
    for day in days:
        production.morning(day)
        production.score(day)
    return Walk(policy.name, first, production.output[first:], tuple(production.trainings))


class _Production:
    """The model in production, its scores, and what speaks against it."""

    def __init__(self, policy: Policy, trainer: Trainer, *, gate: bool) -> None:
        self._policy, self._trainer, self._gate = policy.retraining, trainer, gate
        self._history = trainer.history
        self._champion: Trained | None = None
        self._newest: Trained | None = None
        self._watch: Watch | None = None
        self._decided: set[str] = set()
        self._last_retrained_at: datetime | None = None
        self._scored = 0
        self.trainings: list[Training] = []
        self.output: NDArray[np.float64] = np.zeros((0, 0))

    def morning(self, now: datetime) -> None:
        """Looks at what the day before has brought, and trains if the policy says so."""
        if self._newest is None:
            self._train(now, FIRST)
            return
        if self._watch is not None:
            self._watch.look(now, self.output)
        decision = self._decision(now, self._newest)
        if decision.retrain:
            self._decided.update(decision.evidence_ids)
            self._last_retrained_at = now
            self._train(now, decision.reason)

    def score(self, day: datetime) -> None:
        """Sees to it that the rows of the day have the scores of the model in production."""
        last = self._history.position(day + _DAY)
        if self._newest is None or last <= self._scored:
            return
        first = self._history.position(day)
        ahead = self._history.position(day + _AHEAD)
        model = self._newest.baseline if self._champion is None else self._champion.model
        self.output[first:ahead] = model.output(self._history.table.slice(first, ahead - first))
        self._scored = ahead

    def _decision(self, now: datetime, newest: Trained) -> RetrainingDecision:
        return decide_retraining(
            self._policy,
            evidence=[] if self._watch is None else self._watch.evidence(),
            last_trained_at=newest.at,
            last_decision_retrained_at=self._last_retrained_at,
            labels_new=self._history.labelled_until(now) - self._history.labelled_until(newest.at),
            labels_at_training=newest.known.num_rows,
            decided_evidence_ids=self._decided,
            now=now,
        )

    def _train(self, now: datetime, reason: str) -> None:
        trained = self._trainer.train(now)
        version = _BASELINE_VERSION + len(self.trainings) + 1
        promoted = True
        if self._gate:
            verdict = self._trainer.verdict(trained, self._champion, version=version)
            promoted = verdict.promoted
        if self._newest is None:
            shape = (len(self._history), trained.model.outputs)
            self.output = np.full(shape, np.nan)
        self._newest = trained
        self.trainings.append(Training(now, version, promoted, reason, trained.seconds))
        if promoted:
            self._scored = 0
            self._champion = trained
            self._watch = Watch(self._history, trained, version=version, causes=self._policy.on)
