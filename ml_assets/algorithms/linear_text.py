"""A linear text model: n-grams of each text plus the structured columns, multinomial logistic."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml_assets.algorithms.columns import categories, scaled_numbers
from ml_assets.algorithms.text_features import ngram_features
from ml_assets.frames import FeatureColumns
from ml_assets.model import FittedModel, Label, SklearnPredictor
from ml_assets.spec.algorithm import LinearTextParameters

if TYPE_CHECKING:
    import polars as pl

NAME = "linear_text"
# Wide enough that frequent terms hardly collide: 100,000 terms share a bucket in under 10 %.
_HASH_BITS = 20
# The solver's default of 1e-4 costs twice the time for the same held-out log loss.
_TOLERANCE = 1e-3


def fit_linear_text(
    frame: "pl.DataFrame",
    label: NDArray[np.int64],
    weights: NDArray[np.float64] | None,
    *,
    columns: FeatureColumns,
    classes: tuple[Label, ...],
    parameters: LinearTextParameters,
    seed: int,
) -> FittedModel:
    """The model fitted on the frame's rows; `label` holds class indices."""
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    steps: list[tuple[str, Any, Any]] = [
        (
            f"text_{name}",
            ngram_features(
                ngrams=parameters.ngrams,
                min_document_frequency=parameters.min_document_frequency,
                max_features=parameters.max_features,
                hash_bits=_HASH_BITS,
            ),
            name,
        )
        for name in columns.text
    ]
    if columns.categorical:
        steps.append(("categorical", categories(), list(columns.categorical)))
    if columns.numeric:
        steps.append(("numeric", scaled_numbers(), list(columns.numeric)))
    preprocessing = ColumnTransformer(steps)
    features = preprocessing.fit_transform(frame)
    estimator = LogisticRegression(
        C=parameters.regularization,
        max_iter=parameters.max_iterations,
        tol=_TOLERANCE,
        random_state=seed,
    )
    # The products are sparse: BLAS threads only wait for each other (2 to 5 times slower).
    with threadpool_limits(limits=1, user_api="blas"):
        estimator.fit(features, label, sample_weight=weights)
    return FittedModel(
        algorithm=NAME,
        columns=columns,
        classes=classes,
        preprocessing=preprocessing,
        predictor=SklearnPredictor(estimator, len(classes)),
    )
