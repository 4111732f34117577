"""Linear models: n-grams of each text plus the structured columns, logistic or ridge regression."""

from typing import TYPE_CHECKING, Any

from ml_assets.algorithms.columns import categories, scaled_numbers
from ml_assets.algorithms.rows import TrainingRows
from ml_assets.algorithms.text_features import ngram_features
from ml_assets.model import FittedModel, QuantityPredictor, SklearnPredictor
from ml_assets.spec.algorithm import LinearParameters

if TYPE_CHECKING:
    from sklearn.compose import ColumnTransformer

# Wide enough that frequent terms hardly collide: 100,000 terms share a bucket in under 10 %.
_HASH_BITS = 20
# The solver's default of 1e-4 costs twice the time for the same held-out log loss.
_TOLERANCE = 1e-3


def fit_linear(name: str, rows: TrainingRows, parameters: LinearParameters) -> FittedModel:
    """Multinomial logistic regression of classes, ridge regression of numbers."""
    from threadpoolctl import threadpool_limits

    preprocessing = linear_columns(rows, parameters)
    features = preprocessing.fit_transform(rows.frame)
    estimator = _logistic(parameters, rows.seed) if rows.classes else _ridge(parameters, rows.seed)
    # The products are sparse: BLAS threads only wait for each other (2 to 5 times slower).
    with threadpool_limits(limits=1, user_api="blas"):
        estimator.fit(features, rows.label, sample_weight=rows.weights)
    return FittedModel(
        algorithm=name,
        columns=rows.columns,
        classes=rows.classes,
        preprocessing=preprocessing,
        predictor=SklearnPredictor(estimator, len(rows.classes))
        if rows.classes
        else QuantityPredictor(estimator, 0.0, 0.0),
    )


def linear_columns(rows: TrainingRows, parameters: LinearParameters) -> "ColumnTransformer":
    """Texts as weighted n-grams, categories one-hot, numbers scaled: sparse where texts are."""
    from sklearn.compose import ColumnTransformer

    columns = rows.columns
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
    return ColumnTransformer(steps)


def _logistic(parameters: LinearParameters, seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(
        C=parameters.regularization,
        max_iter=parameters.max_iterations,
        tol=_TOLERANCE,
        random_state=seed,
    )


def _ridge(parameters: LinearParameters, seed: int) -> Any:
    from sklearn.linear_model import Ridge

    return Ridge(
        alpha=1.0 / parameters.regularization, max_iter=parameters.max_iterations, random_state=seed
    )
