"""The baseline: the class frequencies of the training rows, whatever the features say."""

import numpy as np
from numpy.typing import NDArray

from ml_assets.frames import FeatureColumns
from ml_assets.model import FittedModel, Label, SklearnPredictor

NAME = "baseline"


def fit_baseline(label: NDArray[np.int64], classes: tuple[Label, ...]) -> FittedModel:
    """A model that predicts the majority class with the training set's class frequencies."""
    from sklearn.dummy import DummyClassifier

    estimator = DummyClassifier(strategy="prior").fit(np.zeros((len(label), 1)), label)
    return FittedModel(
        algorithm=NAME,
        columns=FeatureColumns(text=(), categorical=(), numeric=()),
        classes=classes,
        preprocessing=None,
        predictor=SklearnPredictor(estimator, len(classes)),
    )
