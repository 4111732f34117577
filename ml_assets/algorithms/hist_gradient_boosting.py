"""scikit-learn's histogram gradient boosting: categories and missing numbers as they are."""

from typing import Any

from ml_assets.algorithms.columns import EmptyColumnsAsZero, category_codes, text_steps
from ml_assets.algorithms.rows import TrainingRows
from ml_assets.model import FittedModel, QuantityPredictor, SklearnPredictor
from ml_assets.spec.algorithm import HistogramParameters


def fit_hist_gradient_boosting(rows: TrainingRows, parameters: HistogramParameters) -> FittedModel:
    """Trees for the log loss over the classes, or for the squared error of numbers."""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    columns, steps = rows.columns, []
    if columns.categorical:
        codes = category_codes(parameters.categories)
        steps.append(("categorical", codes, list(columns.categorical)))
    if columns.numeric:
        steps.append(("numeric", EmptyColumnsAsZero(), list(columns.numeric)))
    steps += text_steps(columns, parameters, seed=rows.seed)
    preprocessing = ColumnTransformer(steps, sparse_threshold=0.0)
    features = preprocessing.fit_transform(rows.frame)
    kind = HistGradientBoostingClassifier if rows.classes else HistGradientBoostingRegressor
    estimator: Any = kind(
        learning_rate=parameters.learning_rate,
        max_iter=parameters.trees,
        max_leaf_nodes=parameters.leaves,
        min_samples_leaf=parameters.min_rows_per_leaf,
        l2_regularization=parameters.l2_regularization,
        # The categories' codes stand first.
        categorical_features=list(range(len(columns.categorical))) or None,
        # It would hold out random rows, near-duplicates of others among them.
        early_stopping=False,
        random_state=rows.seed,
    )
    estimator.fit(features, rows.label, sample_weight=rows.weights)
    return FittedModel(
        algorithm="hist_gradient_boosting",
        columns=columns,
        classes=rows.classes,
        preprocessing=preprocessing,
        predictor=SklearnPredictor(estimator, len(rows.classes))
        if rows.classes
        else QuantityPredictor(estimator, 0.0, 0.0),
    )
