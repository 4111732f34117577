"""Fitting: one model out of training rows and a spec, with the balancing that it asks for."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ml_assets.balancing import class_weights, undersample
from ml_assets.frames import FeatureColumns, feature_frame
from ml_assets.metrics import classification_metrics
from ml_assets.model import FittedModel
from ml_assets.spec.algorithm import LightGbm, LinearText
from ml_assets.spec.document import ModelSpec
from ml_assets.split import group_k_folds

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Fit:
    """A fitted model, how long it took, and on how many rows."""

    model: FittedModel
    seconds: float
    rows: int


def fit(spec: ModelSpec, table: "pa.Table", label: NDArray[np.int64]) -> Fit:
    """The spec's algorithm fitted on the rows; `label` holds class indices, (n,)."""
    started = time.perf_counter()
    weights = None
    if spec.balancing.method == "undersampling":
        kept = undersample(label, seed=spec.seed, ratio=spec.balancing.ratio)
        table, label = table.take(kept), label[kept]
    elif spec.balancing.method == "weights":
        per_class = class_weights(label, len(spec.label.classes), ratio=spec.balancing.ratio)
        weights = per_class[label]
    model = _fit_algorithm(spec, table, label, weights)
    return Fit(model, time.perf_counter() - started, len(label))


def feature_columns(spec: ModelSpec) -> FeatureColumns:
    """The spec's feature columns by kind."""
    features = spec.features
    return FeatureColumns(features.text, features.categorical, features.numeric)


def _fit_algorithm(
    spec: ModelSpec,
    table: "pa.Table",
    label: NDArray[np.int64],
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


def cross_validate(
    spec: ModelSpec, table: "pa.Table", label: NDArray[np.int64], groups: NDArray[np.int64]
) -> CrossValidation:
    """The gate's metric in k folds of the training rows; near-duplicates never leave their fold.

    The model of each fold is fitted from scratch, preprocessing included.
    """
    folds = group_k_folds(groups, label, folds=spec.split.folds, seed=spec.seed)
    values = []
    for fold in range(spec.split.folds):
        inside, outside = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        model = fit(spec, table.take(inside), label[inside]).model
        metrics = classification_metrics(
            label[outside],
            model.probabilities(table.take(outside)),
            classes=spec.label.classes,
            ordinal=spec.task == "ordinal",
        )
        values.append(metrics.values()[spec.gate.metric])
    return CrossValidation(spec.gate.metric, tuple(values))
