"""Fitting: one model out of training rows and a spec, with search, balancing or intervals."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml_assets.algorithms.baseline import fit_class_baseline, fit_quantity_baseline
from ml_assets.algorithms.fitting import fit_algorithm
from ml_assets.algorithms.rows import TrainingRows
from ml_assets.backtest import backtest_folds
from ml_assets.balancing import class_weights, undersample
from ml_assets.folds import CrossValidation, FoldResult, time_range
from ml_assets.frames import FeatureColumns, feature_frame
from ml_assets.interval_scale import IntervalScale, interval_scale
from ml_assets.labels import target_of
from ml_assets.metrics import metrics_of
from ml_assets.model import FittedModel, IntervalPredictor
from ml_assets.search import SearchResult, search_parameters, with_parameters
from ml_assets.spec.document import ModelSpec
from ml_assets.split import group_k_folds
from ml_assets.targets.quantity_sums import POINT
from ml_assets.targets.target import metric_values

if TYPE_CHECKING:
    import pyarrow as pa

# Intervals are calibrated on so many parts of the training rows where no folds are asked.
_USUAL_FOLDS = 5
Fold = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True)
class Fit:
    """A fitted model with what its making showed.

    Attributes:
        model: The model.
        seconds: The last fit took, without folds and search.
        rows: Fitted on.
        cross_validation: Over the training rows, if the spec asks for folds.
        search: The settings tried, if the spec asks for a search.
    """

    model: FittedModel
    seconds: float
    rows: int
    cross_validation: CrossValidation | None
    search: SearchResult | None = None


def fit(spec: ModelSpec, table: "pa.Table", label: NDArray[Any], groups: NDArray[np.int64]) -> Fit:
    """The spec's algorithm fitted on the rows.

    Parameters are searched for first, where the spec asks for it, on folds of these rows alone.
    Quantities get their intervals from folds that the fold's model has not seen; the model itself
    is then fitted on all rows.

    Args:
        spec: The model's spec.
        table: The training rows, in the order of event time.
        label: As the spec's target has them, (n,).
        groups: Near-duplicate group of each row, (n,), which no fold divides.
    """
    searched = None
    if spec.search is not None:
        searched = _searched(spec, table, label, groups)
        spec = with_parameters(spec, searched.best.parameters)
    scale = interval_scale(spec, table)
    shown, unseen = _out_of_fold(spec, table, label, groups, scale)
    started = time.perf_counter()
    newest = None if spec.forecast is None else spec.forecast.window_rows
    if newest is not None:
        table, label = table.slice(max(0, table.num_rows - newest)), label[-newest:]
    model, rows = _fitted(spec, table, label)
    if unseen is not None:
        calibrated = _calibrated(model.predictor, unseen, coverage=spec.intervals.coverage)
        model = replace(
            model,
            predictor=calibrated,
            coverage=spec.intervals.coverage,
            interval_scale=scale,
        )
    return Fit(model, time.perf_counter() - started, rows, shown, searched)


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


def _searched(
    spec: ModelSpec, table: "pa.Table", label: NDArray[Any], groups: NDArray[np.int64]
) -> SearchResult:
    """The search over folds of the rows, each setting fitted from scratch on each."""
    folds = list(_folds(spec, label, groups, 0 if spec.search is None else spec.search.folds))
    target = target_of(spec)

    def metric_on_fold(setting: ModelSpec, fold: int) -> float:
        inside, outside = folds[fold]
        model, _ = _fitted(setting, table.take(inside), label[inside])
        output = model.output(table.take(outside))
        return metric_values(target, label[outside], output)[spec.gate.metric]

    return search_parameters(spec, metric_on_fold, folds=len(folds))


def _out_of_fold(
    spec: ModelSpec,
    table: "pa.Table",
    label: NDArray[Any],
    groups: NDArray[np.int64],
    scale: IntervalScale | None,
) -> tuple[CrossValidation | None, tuple[NDArray[np.float64], NDArray[np.float64]] | None]:
    """What folds of the training rows show; of quantities, labels (m,) and outputs (m, 3) there.

    The model of each fold is fitted from scratch, preprocessing included. Where intervals have a
    scale, a label stands as many units from its prediction as it is away.
    """
    folds = spec.split.folds or (0 if spec.label.classes else _USUAL_FOLDS)
    shown, labels, outputs = [], [], []
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
        outputs.append(output)
        labels.append(label[outside])
        if scale is not None:
            point = output[:, POINT]
            labels[-1] = point + (label[outside] - point) / scale.of(test)
    found = CrossValidation(spec.gate.metric, tuple(shown)) if shown else None
    if spec.label.classes:
        return found, None
    return found, (np.concatenate(labels), np.concatenate(outputs))


def _judging(spec: ModelSpec, label: NDArray[Any], output: NDArray[np.float64]) -> dict[str, float]:
    """The metrics that judge: intervals are not known yet while folds are fitted."""
    defined = metrics_of(spec.task)
    values = metric_values(target_of(spec), label, output)
    return {name: value for name, value in values.items() if defined[name].direction != "none"}


def _calibrated(
    predictor: Any, unseen: tuple[NDArray[np.float64], NDArray[np.float64]], *, coverage: float
) -> IntervalPredictor:
    label, output = unseen
    calibrated: IntervalPredictor = predictor.calibrated(label, output, coverage=coverage)
    return calibrated


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
    rows = TrainingRows(
        frame=feature_frame(columns, table),
        label=label,
        weights=weights,
        columns=columns,
        classes=spec.label.classes,
        coverage=spec.intervals.coverage,
        seed=spec.seed,
    )
    return fit_algorithm(spec.algorithm, rows)
