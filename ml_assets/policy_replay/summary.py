"""What the policies cost and gained: trainings, the metric with its interval, month by month."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_assets.bootstrap import Interval, PairedDifference, bootstrap_metrics, paired_difference
from ml_assets.labels import target_of
from ml_assets.policy_replay.history import History
from ml_assets.policy_replay.walk import Walk
from ml_assets.spec.document import ModelSpec
from ml_assets.targets.quantity_sums import OUTPUTS
from ml_assets.targets.target import metric_values

NO_CHANGE = "no change (no model)"


@dataclass(frozen=True)
class PolicyResult:
    """What came of one policy.

    Attributes:
        policy: Its name.
        retrainings: Trainings after the first.
        promotions: Of these, how many went into production.
        fit_seconds: Of the fittings after the first, which every policy has.
        metric: The metric that was measured.
        value: Over all scored rows, with an interval.
        gain: Over the first of the policies, positive where better; None for that one.
        kappa_temporal: (accuracy - a) / (1 - a), where a is the accuracy of predicting the label
            of the row before: 1 is perfect, 0 no better than that, and below 0 worse. None where
            quantities are predicted.
        months: The metric in each month of the event time, `YYYY-MM`.
    """

    policy: str
    retrainings: int
    promotions: int
    fit_seconds: float
    metric: str
    value: Interval
    gain: PairedDifference | None
    kappa_temporal: float | None
    months: dict[str, float]


def summarize(spec: ModelSpec, history: History, walks: Sequence[Walk]) -> list[PolicyResult]:
    """A result for each walk, on the gate's metric; gains are over the first.

    Rows of a day resemble each other, so intervals are of a bootstrap that draws whole days
    (non-overlapping blocks: Carlstein, Annals of Statistics 14, 1986). Kappa temporal: Zliobaite,
    Bifet, Read, Pfahringer and Holmes, Machine Learning 98, 2015.

    Args:
        spec: The model's spec.
        history: The past that was replayed.
        walks: Over the same rows.
    """
    first = walks[0].first
    label, times = history.label[first:], history.times[first:]
    days = times.astype("datetime64[D]").astype(np.int64)
    target, metric = target_of(spec), spec.gate.metric
    results = []
    for walk in walks:
        intervals = bootstrap_metrics(
            label, walk.output, target=target, groups=days, seed=spec.seed
        )
        gain = None
        if walk is not walks[0]:
            gain = paired_difference(
                label, walk.output, walks[0].output,
                metric=metric, target=target, groups=days, seed=spec.seed,
            )  # fmt: skip
        months = {}
        for month, rows in _months(times):
            months[month] = metric_values(target, label[rows], walk.output[rows])[metric]
        results.append(
            PolicyResult(
                policy=walk.policy,
                retrainings=max(0, len(walk.trainings) - 1),
                promotions=sum(training.promoted for training in walk.trainings[1:]),
                fit_seconds=sum(training.seconds for training in walk.trainings[1:]),
                metric=metric,
                value=intervals[metric],
                gain=gain,
                kappa_temporal=kappa_temporal(history, walk),
                months=months,
            )
        )
    return results


def no_change(history: History, first: int) -> Walk:
    """The naive forecast of a series: the label of the row before, whenever that is known.

    A table whose rows follow each other closely makes it hard to beat: of the electricity prices it
    is right in 85 of 100 half-hours (Zliobaite, "How good is the electricity benchmark for
    evaluating concept drift adaptation", 2013). Forecasts of changes get no change at all.

    Args:
        history: The past.
        first: Position of the first row that is scored, 1 or more.
    """
    spec, before = history.spec, history.label[first - 1 : -1]
    if spec.label.classes:
        output = np.eye(len(spec.label.classes))[before]
    else:
        point = np.zeros(len(before)) if spec.forecast is not None else before
        output = np.repeat(point[:, None], OUTPUTS, axis=1)
    return Walk(NO_CHANGE, first, output, ())


def kappa_temporal(history: History, walk: Walk) -> float | None:
    """How far the walk's accuracy lies between no change (0) and perfect (1); None of quantities.

    Also None where no change is always right.
    """
    if not history.spec.label.classes:
        return None
    label = history.label[walk.first :]
    accuracy, naive = (
        float((output.argmax(axis=1) == label).mean())
        for output in (walk.output, no_change(history, walk.first).output)
    )
    return None if naive == 1.0 else (accuracy - naive) / (1.0 - naive)


def _months(times: NDArray[np.datetime64]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    months = times.astype("datetime64[M]")
    for month in np.unique(months):
        yield str(month), months == month
