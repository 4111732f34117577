"""Fitting: one model out of training rows and a spec, with balancing or intervals as it asks."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml_assets.algorithms.baseline import fit_class_baseline, fit_quantity_baseline
from ml_assets.backtest import backtest_folds
from ml_assets.balancing import class_weights, undersample
from ml_assets.frames import FeatureColumns, feature_frame
from ml_assets.intervals import conformal_offsets
from ml_assets.labels import target_of
from ml_assets.model import FittedModel, QuantityPredictor
from ml_assets.spec.algorithm import LightGbm, LinearText
from ml_assets.spec.document import ModelSpec
from ml_assets.split import group_k_folds
from ml_assets.targets.quantity_sums import POINT
from ml_assets.targets.target import metric_values

if TYPE_CHECKING:
    import pyarrow as pa

# Residuals for intervals come from so many parts of the training rows where no folds are asked.
_USUAL_FOLDS = 5
Fold = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True)
class Fit:
    """A fitted model, how long it took, on how many rows, and what its folds showed."""

    model: FittedModel
    seconds: float
    rows: int
    cross_validation: "CrossValidation | None"


@dataclass(frozen=True)
class CrossValidation:
    """A metric's value in each fold of the training rows."""

    metric: str
    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean over the folds."""
        return float(np.mean(self.values))

    @property
    def standard_deviation(self) -> float:
        """The sample standard deviation over the folds."""
        return float(np.std(self.values, ddof=1))


def fit(spec: ModelSpec, table: "pa.Table", label: NDArray[Any], groups: NDArray[np.int64]) -> Fit:
    """The spec's algorithm fitted on the rows.

    Quantities get their intervals from residuals on folds that the fold's model has not seen; the
    model itself is then fitted on all rows.

    Args:
        spec: The model's spec.
        table: The training rows, in the order of event time.
        label: As the spec's target has them, (n,).
        groups: Near-duplicate group of each row, (n,), which no fold divides.
    """
    shown, residuals = _out_of_fold(spec, table, label, groups)
    started = time.perf_counter()
    newest = None if spec.forecast is None else spec.forecast.window_rows
    if newest is not None:
        table, label = table.slice(max(0, table.num_rows - newest)), label[-newest:]
    model, rows = _fitted(spec, table, label)
    if isinstance(model.predictor, QuantityPredictor):
        low, high = conformal_offsets(residuals, coverage=spec.intervals.coverage)
        predictor = replace(model.predictor, low=low, high=high)
        model = replace(model, predictor=predictor, coverage=spec.intervals.coverage)
    return Fit(model, time.perf_counter() - started, rows, shown)


def fit_baseline(spec: ModelSpec, label: NDArray[Any]) -> FittedModel:
    """The task's naive model: class frequencies, the median, or no change.

    Args:
        spec: The model's spec.
        label: Of the training rows, as the spec's target has them, (n,).
    """
    if spec.label.classes:
        return fit_class_baseline(label, spec.label.classes)
    changes = spec.forecast is not None
    return fit_quantity_baseline(label, changes=changes, coverage=spec.intervals.coverage)


def feature_columns(spec: ModelSpec) -> FeatureColumns:
    """The spec's feature columns by kind."""
    features = spec.features
    return FeatureColumns(features.text, features.categorical, features.numeric)


def _out_of_fold(
    spec: ModelSpec, table: "pa.Table", label: NDArray[Any], groups: NDArray[np.int64]
) -> tuple[CrossValidation | None, NDArray[np.float64]]:
    """What folds of the training rows show, and the residuals there (none of classes).

    The model of each fold is fitted from scratch, preprocessing included.
    """
    folds = spec.split.folds or (0 if spec.label.classes else _USUAL_FOLDS)
    target, values, residuals = target_of(spec), [], [np.zeros(0)]
    for inside, outside in _folds(spec, label, groups, folds):
        model, _ = _fitted(spec, table.take(inside), label[inside])
        output = model.output(table.take(outside))
        values.append(metric_values(target, label[outside], output)[spec.gate.metric])
        if not spec.label.classes:
            residuals.append(label[outside] - output[:, POINT])
    shown = CrossValidation(spec.gate.metric, tuple(values)) if spec.split.folds else None
    return shown, np.concatenate(residuals)


def _folds(
    spec: ModelSpec, label: NDArray[Any], groups: NDArray[np.int64], folds: int
) -> Iterator[Fold]:
    """Backtests of a series; folds of rows, near-duplicates together, of all else."""
    if not folds:
        return
    if spec.forecast is not None:
        yield from backtest_folds(
            len(label),
            folds=folds,
            gap=spec.forecast.horizon,
            window_rows=spec.forecast.window_rows,
        )
        return
    kinds = label if spec.label.classes else np.zeros(len(label), np.int64)
    fold = group_k_folds(groups, kinds, folds=folds, seed=spec.seed)
    for number in range(folds):
        yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)


def _fitted(spec: ModelSpec, table: "pa.Table", label: NDArray[Any]) -> tuple[FittedModel, int]:
    """The spec's algorithm with its balancing, and the rows that it was fitted on."""
    weights = None
    if spec.balancing.method == "undersampling":
        kept = undersample(label, seed=spec.seed, ratio=spec.balancing.ratio)
        table, label = table.take(kept), label[kept]
    elif spec.balancing.method == "weights":
        per_class = class_weights(label, len(spec.label.classes), ratio=spec.balancing.ratio)
        weights = per_class[label]
    return _fit_algorithm(spec, table, label, weights), len(label)


def _fit_algorithm(
    spec: ModelSpec,
    table: "pa.Table",
    label: NDArray[Any],
    weights: NDArray[np.float64] | None,
) -> FittedModel:
    columns = feature_columns(spec)
    frame = feature_frame(columns, table)
    match spec.algorithm:
        case LinearText(parameters=linear):
            from ml_assets.algorithms.linear_text import fit_linear_text

            return fit_linear_text(
                frame, label, weights,
                columns=columns, classes=spec.label.classes, parameters=linear, seed=spec.seed,
            )  # fmt: skip
        case LightGbm(parameters=trees):
            from ml_assets.algorithms.lightgbm_text import fit_lightgbm

            return fit_lightgbm(
                frame, label, weights,
                columns=columns, classes=spec.label.classes, parameters=trees, seed=spec.seed,
            )  # fmt: skip
