"""Two models on the same rows: how much better one is, and whether that is more than chance."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_assets.bootstrap import PairedDifference, paired_difference
from ml_assets.metrics import metric_info
from ml_assets.significance import DieboldMarianoResult, diebold_mariano, mcnemar
from ml_assets.targets.quantities import QuantityTarget
from ml_assets.targets.quantity_sums import POINT
from ml_assets.targets.target import Target

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PairedTest:
    """The usual test of two models of this kind, for information, and its p-value."""

    name: str
    p_value: float


def compare(
    target: Target,
    label: NDArray[Any],
    a: Floats,
    b: Floats,
    *,
    metric: str,
    groups: NDArray[np.integer] | None,
    seed: int,
    confidence: float,
) -> PairedDifference:
    """How much better model a is than model b, positive when it is better, with an interval.

    Rows of forecasts are not independent where horizons overlap: their interval is that of the
    Diebold-Mariano test with the small-sample correction. For all else rows, or groups of near
    duplicates, are resampled.

    Args:
        target: What is predicted.
        label: As the target has them, (n,); of forecasts, in the order of time.
        a: Output of the model that is judged, (n, m).
        b: Output of the model it is compared with, (n, m).
        metric: A metric of the target that judges.
        groups: Group of each row, (n,), that counts as one piece of evidence; None: each row.
        seed: Of the draws.
        confidence: Of the interval.
    """
    if isinstance(target, QuantityTarget) and target.horizon:
        return _forecast_difference(
            label, a, b, metric=metric, horizon=target.horizon, confidence=confidence
        )
    return paired_difference(
        label, a, b,
        metric=metric, target=target, groups=groups, seed=seed, confidence=confidence,
    )  # fmt: skip


def paired_test(
    target: Target, label: NDArray[Any], a: Floats, b: Floats, *, metric: str
) -> PairedTest:
    """McNemar's test for classes; Diebold-Mariano's for quantities, on the metric's losses."""
    if isinstance(target, QuantityTarget):
        losses = _losses(label, a, b, metric=metric)
        found = diebold_mariano(losses[0], losses[1], horizon=target.horizon or 1)
        return PairedTest("Diebold-Mariano", found.p_value)
    right = [output.argmax(axis=1) == label for output in (a, b)]
    return PairedTest("McNemar", mcnemar(right[0], right[1]).p_value)


def _forecast_difference(
    label: Floats, a: Floats, b: Floats, *, metric: str, horizon: int, confidence: float
) -> PairedDifference:
    """By the mean difference of the losses that the metric is made of.

    Root mean squared errors differ by the difference of the mean squares over the sum of the
    roots; Theil's U by that, over the root mean square of the changes themselves.
    """
    metric_info(metric, task="forecast")
    losses, scale = _losses(label, a, b, metric=metric), 1.0
    if metric not in ("direction_accuracy", "mean_absolute_error"):
        scale = float(sum(np.sqrt(loss.mean()) for loss in losses))
        if metric == "theils_u":
            scale *= float(np.sqrt(np.mean(label**2)))
    # The other model's loss less the judged one's: positive when that is better.
    found = diebold_mariano(losses[1], losses[0], horizon=horizon, confidence=confidence)
    return PairedDifference(
        estimate=found.mean_difference / scale if scale else 0.0,
        low=found.low / scale if scale else 0.0,
        high=found.high / scale if scale else 0.0,
        probability_better=_probability_better(found),
        n=found.n,
    )


def _losses(label: Floats, a: Floats, b: Floats, *, metric: str) -> list[Floats]:
    """What each forecast lost in each row, in the metric's sense: squared errors if no other."""
    if metric == "direction_accuracy":
        moved = label != 0.0
        shares = [
            np.where(output[:, POINT] == 0.0, 0.5, np.sign(output[:, POINT]) == np.sign(label))
            for output in (a, b)
        ]
        return [-share[moved].astype(np.float64) for share in shares]
    errors = [output[:, POINT] - label for output in (a, b)]
    if metric == "mean_absolute_error":
        return [np.abs(error) for error in errors]
    return [error**2 for error in errors]


def _probability_better(found: DieboldMarianoResult) -> float:
    """One less the one-sided p-value."""
    from scipy.stats import t

    return float(t.cdf(found.statistic, found.n - 1))
