"""LightGBM: gradient-boosted trees on compact texts plus the structured columns."""

from typing import TYPE_CHECKING, Any

from ml_assets.algorithms.columns import categories, text_steps
from ml_assets.algorithms.rows import TrainingRows
from ml_assets.model import BoosterPredictor, FittedModel, QuantilePredictor, QuantityPredictor
from ml_assets.spec.algorithm import TreeParameters

if TYPE_CHECKING:
    from sklearn.compose import ColumnTransformer


def fit_lightgbm(rows: TrainingRows, parameters: TreeParameters) -> FittedModel:
    """Trees for the log loss over the classes, or for the squared error of numbers."""
    preprocessing = _columns(rows, parameters)
    features = preprocessing.fit_transform(rows.frame)
    if rows.classes:
        objective = {"objective": "multiclass", "num_class": len(rows.classes)}
    else:
        objective = {"objective": "regression"}
    booster = _booster(features, rows, parameters, objective)
    return FittedModel(
        algorithm="lightgbm",
        columns=rows.columns,
        classes=rows.classes,
        preprocessing=preprocessing,
        predictor=BoosterPredictor(booster)
        if rows.classes
        else QuantityPredictor(booster, 0.0, 0.0),
    )


def fit_quantiles(rows: TrainingRows, parameters: TreeParameters) -> FittedModel:
    """Trees for three quantiles: the ends of the interval, and the median as the prediction.

    They minimise the quantile loss of Koenker and Bassett, "Regression Quantiles", Econometrica
    46, 1978. What the interval lacks of its coverage is added by `QuantilePredictor.calibrated`.
    """
    preprocessing = _columns(rows, parameters)
    features = preprocessing.fit_transform(rows.frame)
    tail = (1.0 - rows.coverage) / 2.0
    low, median, high = (
        _booster(features, rows, parameters, {"objective": "quantile", "alpha": share})
        for share in (tail, 0.5, 1.0 - tail)
    )
    return FittedModel(
        algorithm="quantile",
        columns=rows.columns,
        classes=(),
        preprocessing=preprocessing,
        predictor=QuantilePredictor(low, median, high, 0.0),
    )


def _columns(rows: TrainingRows, parameters: TreeParameters) -> "ColumnTransformer":
    from sklearn.compose import ColumnTransformer

    steps = text_steps(rows.columns, parameters, seed=rows.seed)
    if rows.columns.categorical:
        steps.append(("categorical", categories(), list(rows.columns.categorical)))
    if rows.columns.numeric:
        # Trees take missing numbers and any scale as they are.
        steps.append(("numeric", "passthrough", list(rows.columns.numeric)))
    return ColumnTransformer(steps, sparse_threshold=0.0)


def _booster(
    features: Any, rows: TrainingRows, parameters: TreeParameters, objective: dict[str, Any]
) -> Any:
    import lightgbm

    return lightgbm.train(
        {
            **objective,
            "num_leaves": parameters.leaves,
            "learning_rate": parameters.learning_rate,
            "min_data_in_leaf": parameters.min_rows_per_leaf,
            "deterministic": True,
            "force_row_wise": True,
            "seed": rows.seed,
            "verbose": -1,
        },
        lightgbm.Dataset(features, rows.label, weight=rows.weights),
        num_boost_round=parameters.trees,
    )
