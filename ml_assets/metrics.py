"""Metrics of classifiers: which there are, what they mean, and their values on some rows."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lakehouse.errors import TidemarkError
from ml_assets.metric_sums import ratio, row_sums, statistics

TaskName = Literal["classification", "ordinal", "regression", "forecast"]
_CLASSES: tuple[TaskName, ...] = ("classification", "ordinal")
_QUANTITIES: tuple[TaskName, ...] = ("regression", "forecast")


@dataclass(frozen=True)
class MetricInfo:
    """What a metric means.

    Attributes:
        direction: Which values are better; `none` for what describes and does not judge.
        tasks: For which tasks it is defined.
        description: In a sentence.
    """

    direction: Literal["higher", "lower", "none"]
    tasks: tuple[TaskName, ...]
    description: str


MetricName = Literal[
    "accuracy",
    "macro_f1",
    "log_loss",
    "expected_calibration_error",
    "mean_absolute_error",
    "quadratic_weighted_kappa",
    "root_mean_squared_error",
    "r_squared",
    "theils_u",
    "direction_accuracy",
    "interval_coverage",
    "interval_width",
]
METRICS: dict[str, MetricInfo] = {
    "accuracy": MetricInfo("higher", _CLASSES, "Share of rows predicted right."),
    "macro_f1": MetricInfo(
        "higher", _CLASSES, "Mean F1 over the classes that occur as label or as prediction."
    ),
    "log_loss": MetricInfo("lower", _CLASSES, "Mean -ln of the probability given to the label."),
    "expected_calibration_error": MetricInfo(
        "lower", _CLASSES, "Mean absolute gap between confidence and accuracy in 15 bins."
    ),
    "mean_absolute_error": MetricInfo(
        "lower",
        ("ordinal", *_QUANTITIES),
        "Mean distance between prediction and label; of classes, in class values.",
    ),
    "quadratic_weighted_kappa": MetricInfo(
        "higher",
        ("ordinal",),
        "Agreement beyond chance, errors weighted by squared distance of places.",
    ),
    "root_mean_squared_error": MetricInfo(
        "lower", _QUANTITIES, "Root of the mean squared distance between prediction and label."
    ),
    "r_squared": MetricInfo(
        "higher", ("regression",), "Share of the labels' variance that is explained."
    ),
    "theils_u": MetricInfo(
        "lower",
        ("forecast",),
        "Root mean squared error over that of predicting no change (Theil's U2).",
    ),
    "direction_accuracy": MetricInfo(
        "higher",
        ("forecast",),
        "Share of moves whose direction was predicted; half where no move was predicted.",
    ),
    "interval_coverage": MetricInfo("none", _QUANTITIES, "Share of labels in their intervals."),
    "interval_width": MetricInfo("none", _QUANTITIES, "Mean width of the intervals."),
}


@dataclass(frozen=True)
class ClassMetrics:
    """Precision, recall and F1 of one class, 0 where undefined; `support` is its rows' weight."""

    name: int | str
    precision: float
    recall: float
    f1: float
    support: float


@dataclass(frozen=True, eq=False)
class Metrics:
    """All metrics of one set of predictions; the last two are None unless classes are ordered.

    `confusion` is (k, k): weight of the rows of actual class i (row) predicted as j (column).
    """

    rows: int
    accuracy: float
    macro_f1: float
    log_loss: float
    expected_calibration_error: float
    mean_absolute_error: float | None
    quadratic_weighted_kappa: float | None
    per_class: tuple[ClassMetrics, ...]
    confusion: NDArray[np.float64]

    def values(self) -> dict[str, float]:
        """The metrics of `METRICS` that are defined here, by name."""
        return {name: value for name in METRICS if (value := getattr(self, name, None)) is not None}


def metric_direction(name: str) -> Literal["higher", "lower", "none"]:
    """Which values of the metric are better.

    Raises:
        TidemarkError: There is no such metric.

    >>> metric_direction("macro_f1"), metric_direction("log_loss")
    ('higher', 'lower')
    """
    return metric_info(name).direction


def metric_info(name: str, *, task: TaskName | None = None) -> MetricInfo:
    """What the metric means, if it is defined for the task.

    Raises:
        TidemarkError: There is no such metric, or not for the task.

    >>> metric_info("accuracy").description
    'Share of rows predicted right.'
    """
    if name not in METRICS:
        near = difflib.get_close_matches(name, METRICS, n=1)
        raise TidemarkError(
            f"There is no metric '{name}'; there are {', '.join(METRICS)}.",
            hint=f"Did you mean '{near[0]}'?" if near else "Choose one of these.",
        )
    if task is not None and task not in METRICS[name].tasks:
        raise TidemarkError(
            f"The metric '{name}' is not defined for {task}.",
            hint=f"Choose one of {', '.join(metrics_of(task))}.",
        )
    return METRICS[name]


def metrics_of(task: TaskName) -> dict[str, MetricInfo]:
    """The metrics that are defined for the task, by name."""
    return {name: info for name, info in METRICS.items() if task in info.tasks}


def classification_metrics(
    label: NDArray[np.integer],
    probabilities: NDArray[np.float64],
    *,
    classes: Sequence[int | str],
    ordinal: bool,
    weights: NDArray[np.float64] | None = None,
) -> Metrics:
    """All metrics of a classifier's probabilities.

    The prediction is the class of highest probability, the first of equals. Macro F1 is the mean
    over the classes that occur as label or as prediction, as scikit-learn's default has it; F1,
    precision and recall are 0 where nothing was predicted or nothing was there. Log loss cuts
    probabilities at 2.2e-16, as scikit-learn does. The mean absolute error is in units of the
    classes where these are numbers, else in places. Cohen's kappa takes squared distances of
    places (Cohen 1968) and is 0 where chance alone agrees fully (one class throughout).

    Args:
        label: Class indices 0 to k - 1, (n,).
        probabilities: Of the classes, (n, k); each row sums to 1.
        classes: The k classes, two or more, in order when `ordinal`.
        ordinal: Whether the classes are ordered.
        weights: Of the rows, (n,), none negative; None counts each row once.

    Raises:
        TidemarkError: No rows, or shapes, labels, probabilities or weights that cannot be.

    >>> result = classification_metrics(
    ...     np.array([0, 1, 1]), np.array([[0.8, 0.2], [0.4, 0.6], [0.7, 0.3]]),
    ...     classes=["bad", "good"], ordinal=False)
    >>> round(result.accuracy, 3), round(result.macro_f1, 3), result.confusion.tolist()
    (0.667, 0.667, [[1.0, 0.0], [1.0, 1.0]])
    """
    sums = row_sums(label, probabilities, classes=classes, weights=weights)
    scalars = statistics(sums, classes=classes, ordinal=ordinal)
    value = {name: float(replicates[0]) for name, replicates in scalars.items()}
    k = len(classes)
    cell = label.astype(np.intp) * k + probabilities.argmax(axis=1)
    confusion = np.bincount(cell, weights, minlength=k * k).astype(np.float64).reshape(k, k)
    hits, actual, predicted = sums[0, :k], sums[0, k : 2 * k], sums[0, 2 * k : 3 * k]
    shares = zip(
        classes,
        ratio(hits, predicted).tolist(),
        ratio(hits, actual).tolist(),
        ratio(2 * hits, actual + predicted).tolist(),
        actual.tolist(),
        strict=True,
    )
    return Metrics(
        rows=len(label),
        accuracy=value["accuracy"],
        macro_f1=value["macro_f1"],
        log_loss=value["log_loss"],
        expected_calibration_error=value["expected_calibration_error"],
        mean_absolute_error=value.get("mean_absolute_error"),
        quadratic_weighted_kappa=value.get("quadratic_weighted_kappa"),
        per_class=tuple(ClassMetrics(*share) for share in shares),
        confusion=confusion,
    )
