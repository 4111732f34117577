"""The spec's algorithm, fitted."""

from dataclasses import replace

import numpy as np

from lakehouse.errors import TidemarkError
from ml_assets.algorithms.rows import TrainingRows
from ml_assets.model import FittedModel
from ml_assets.spec.algorithm import (
    Algorithm,
    Estimator,
    HistGradientBoosting,
    LightGbm,
    Linear,
    LinearText,
    Ordinal,
    Quantile,
    parameter_values,
)


def fit_algorithm(algorithm: Algorithm, rows: TrainingRows) -> FittedModel:
    """The algorithm fitted on the rows; intervals, where there are any, are yet to calibrate.

    Raises:
        TidemarkError: The rows are of one class only, or an estimator of one's own fails.
    """
    if rows.classes and len(kinds := np.unique(rows.label)) < 2:
        raise TidemarkError(
            f"All {len(rows.label):,} training rows are of the class"
            f" {', '.join(str(rows.classes[kind]) for kind in kinds)}: there is nothing to learn.",
            hint="Train when rows of another class are there, or correct label.column in the spec.",
        )
    return replace(_fitted(algorithm, rows), parameters=parameter_values(algorithm))


def _fitted(algorithm: Algorithm, rows: TrainingRows) -> FittedModel:
    from ml_assets.algorithms import boosted_trees, hist_gradient_boosting, linear, ordinal

    match algorithm:
        case Linear() | LinearText():
            return linear.fit_linear(algorithm.name, rows, algorithm.parameters)
        case LightGbm():
            return boosted_trees.fit_lightgbm(rows, algorithm.parameters)
        case HistGradientBoosting():
            return hist_gradient_boosting.fit_hist_gradient_boosting(rows, algorithm.parameters)
        case Ordinal():
            return ordinal.fit_ordinal(rows, algorithm.parameters)
        case Quantile():
            return boosted_trees.fit_quantiles(rows, algorithm.parameters)
        case Estimator():
            from ml_assets.algorithms.own_estimator import fit_own_estimator

            return fit_own_estimator(rows, algorithm)
