"""The baselines: what can be predicted without looking at any feature."""

import numpy as np
from numpy.typing import NDArray

from ml_assets.frames import FeatureColumns
from ml_assets.intervals import conformal_offsets
from ml_assets.model import FittedModel, Label, QuantityPredictor, SklearnPredictor

NAME = "baseline"
_NOTHING = FeatureColumns(text=(), categorical=(), numeric=())


def fit_class_baseline(label: NDArray[np.int64], classes: tuple[Label, ...]) -> FittedModel:
    """A model that predicts the majority class with the training set's class frequencies."""
    from sklearn.dummy import DummyClassifier

    estimator = DummyClassifier(strategy="prior").fit(np.zeros((len(label), 1)), label)
    return FittedModel(NAME, _NOTHING, classes, None, SklearnPredictor(estimator, len(classes)))


def fit_quantity_baseline(
    label: NDArray[np.float64],
    *,
    changes: bool,
    coverage: float,
    units: NDArray[np.float64] | None = None,
) -> FittedModel:
    """A model that predicts the training rows' median, or no change: the driftless random walk.

    Its interval is that of the training rows around it, in the rows' units if given.
    """
    from sklearn.dummy import DummyRegressor

    constant = 0.0 if changes else float(np.median(label))
    estimator = DummyRegressor(strategy="constant", constant=constant)
    estimator.fit(np.zeros((len(label), 1)), label)
    low, high = conformal_offsets(
        (label - constant) / (1.0 if units is None else units), coverage=coverage
    )
    return FittedModel(NAME, _NOTHING, (), None, QuantityPredictor(estimator, low, high), coverage)
