"""Ordered classes by proportional odds, over the same columns as the linear models."""

from threadpoolctl import threadpool_limits

from ml_assets.algorithms.linear import linear_columns
from ml_assets.algorithms.proportional_odds import ProportionalOdds
from ml_assets.algorithms.rows import TrainingRows
from ml_assets.model import FittedModel, SklearnPredictor
from ml_assets.spec.algorithm import LinearParameters


def fit_ordinal(rows: TrainingRows, parameters: LinearParameters) -> FittedModel:
    """One score for all classes, cut by thresholds."""
    preprocessing = linear_columns(rows, parameters)
    features = preprocessing.fit_transform(rows.frame)
    estimator = ProportionalOdds(parameters.regularization, parameters.max_iterations)
    # As for the linear models: threads only wait for each other over sparse rows.
    with threadpool_limits(limits=1, user_api="blas"):
        estimator.fit(features, rows.label, rows.weights)
    return FittedModel(
        algorithm="ordinal",
        columns=rows.columns,
        classes=rows.classes,
        preprocessing=preprocessing,
        predictor=SklearnPredictor(estimator, len(rows.classes)),
    )
