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
from ml_assets.folds import CrossValidation, FoldResult, time_range
from ml_assets.frames import FeatureColumns, feature_frame
from ml_assets.interval_scale import interval_scale
from ml_assets.intervals import conformal_offsets
from ml_assets.labels import target_of
from ml_assets.metrics import metrics_of
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
    cross_validation: CrossValidation | None


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
    scale = interval_scale(spec, table)
    started = time.perf_counter()
    newest = None if spec.forecast is None else spec.forecast.window_rows
    if newest is not None:
        table, label = table.slice(max(0, table.num_rows - newest)), label[-newest:]
    model, rows = _fitted(spec, table, label)
    if isinstance(model.predictor, QuantityPredictor):
        low, high = conformal_offsets(residuals, coverage=spec.intervals.coverage)
        predictor = replace(model.predictor, low=low, high=high)
        model = replace(
            model,
            predictor=predictor,
            coverage=spec.intervals.coverage,
            interval_scale=scale,
        )
    return Fit(model, time.perf_counter() - started, rows, shown)


def fit_baseline(spec: ModelSpec, table: "pa.Table", label: NDArray[Any]) -> FittedModel:
    """The task's naive model: class frequencies, the median, or no change.

    Args:
        spec: The model's spec.
        table: The training rows.
        label: Of the training rows, as the spec's target has them, (n,).
    """
    if spec.label.classes:
        return fit_class_baseline(label, spec.label.classes)
    scale = interval_scale(spec, table)
    model = fit_quantity_baseline(
        label,
        changes=spec.forecast is not None,
        coverage=spec.intervals.coverage,
        units=None if scale is None else scale.of(table),
    )
    return replace(model, interval_scale=scale)


def feature_columns(spec: ModelSpec) -> FeatureColumns:
    """The spec's feature columns by kind."""
    features = spec.features
    return FeatureColumns(features.text, features.categorical, features.numeric)


def _out_of_fold(
    spec: ModelSpec, table: "pa.Table", label: NDArray[Any], groups: NDArray[np.int64]
) -> tuple[CrossValidation | None, NDArray[np.float64]]:
    """What folds of the training rows show, and the residuals there (none of classes).

    The model of each fold is fitted from scratch, preprocessing included. Residuals are in the
    units of the spec's intervals.
    """
    folds = spec.split.folds or (0 if spec.label.classes else _USUAL_FOLDS)
    scale, shown, residuals = interval_scale(spec, table), [], [np.zeros(0)]
    for inside, outside in _folds(spec, label, groups, folds):
        train, test = table.take(inside), table.take(outside)
        model, rows = _fitted(spec, train, label[inside])
        output = model.output(test)
        baseline = fit_baseline(spec, train, label[inside]).output(test)
        # Of a series alone: other folds are dealt over all times.
        times = None if spec.forecast is None else time_range(test.column(spec.event_time))
        shown.append(
            FoldResult(
                train_rows=rows,
                test_rows=len(outside),
                times=times,
                metrics=_judging(spec, label[outside], output),
                baseline=_judging(spec, label[outside], baseline),
            )
        )
        if not spec.label.classes:
            units = 1.0 if scale is None else scale.of(test)
            residuals.append((label[outside] - output[:, POINT]) / units)
    found = CrossValidation(spec.gate.metric, tuple(shown)) if shown else None
    return found, np.concatenate(residuals)


def _judging(spec: ModelSpec, label: NDArray[Any], output: NDArray[np.float64]) -> dict[str, float]:
    """The metrics that judge: intervals are not known yet while folds are fitted."""
    defined = metrics_of(spec.task)
    values = metric_values(target_of(spec), label, output)
    return {name: value for name, value in values.items() if defined[name].direction != "none"}


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
