"""Gradient-boosted trees on a compact text representation plus the structured columns."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml_assets.algorithms.columns import categories
from ml_assets.algorithms.text_features import ngram_features
from ml_assets.frames import FeatureColumns
from ml_assets.model import BoosterPredictor, FittedModel, Label, QuantityPredictor
from ml_assets.spec.algorithm import LightGbmParameters

if TYPE_CHECKING:
    import polars as pl
    from sklearn.pipeline import Pipeline

NAME = "lightgbm"
_MIN_DOCUMENT_FREQUENCY = 2
_MAX_TERMS = 100_000


def fit_lightgbm(
    frame: "pl.DataFrame",
    label: NDArray[Any],
    weights: NDArray[np.float64] | None,
    *,
    columns: FeatureColumns,
    classes: tuple[Label, ...],
    parameters: LightGbmParameters,
    seed: int,
) -> FittedModel:
    """The model fitted on the frame's rows; `label` holds class indices, or numbers."""
    import lightgbm
    from sklearn.compose import ColumnTransformer

    texts = columns.text if parameters.text_components else ()
    steps: list[tuple[str, Any, Any]] = [
        (f"text_{name}", _components(parameters, seed), name) for name in texts
    ]
    if columns.categorical:
        steps.append(("categorical", categories(), list(columns.categorical)))
    if columns.numeric:
        # Trees take missing numbers and any scale as they are.
        steps.append(("numeric", "passthrough", list(columns.numeric)))
    preprocessing = ColumnTransformer(steps, sparse_threshold=0.0)
    features = preprocessing.fit_transform(frame)
    booster = lightgbm.train(
        {
            **_objective(classes),
            "num_leaves": parameters.leaves,
            "learning_rate": parameters.learning_rate,
            "min_data_in_leaf": parameters.min_rows_per_leaf,
            "deterministic": True,
            "force_row_wise": True,
            "seed": seed,
            "verbose": -1,
        },
        lightgbm.Dataset(features, label, weight=weights),
        num_boost_round=parameters.trees,
    )
    return FittedModel(
        algorithm=NAME,
        columns=columns,
        classes=classes,
        preprocessing=preprocessing,
        predictor=BoosterPredictor(booster) if classes else QuantityPredictor(booster, 0.0, 0.0),
    )


def _objective(classes: tuple[Label, ...]) -> dict[str, Any]:
    """Log loss over the classes; squared error of numbers."""
    if classes:
        return {"objective": "multiclass", "num_class": len(classes)}
    return {"objective": "regression"}


def _components(parameters: LightGbmParameters, seed: int) -> "Pipeline":
    """Latent semantic components of a text's n-grams: dense and few, as trees want them."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.pipeline import make_pipeline

    components = min(parameters.text_components, 2**parameters.text_hash_bits)
    return make_pipeline(
        ngram_features(
            ngrams=2,
            min_document_frequency=_MIN_DOCUMENT_FREQUENCY,
            max_features=_MAX_TERMS,
            hash_bits=parameters.text_hash_bits,
            # The decomposition takes no fewer columns than it gives, and no single one.
            min_features=max(components, 2),
        ),
        TruncatedSVD(components, n_iter=3, random_state=seed),
    )
