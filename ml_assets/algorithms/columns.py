"""Preprocessing of the structured columns, shared by the algorithms."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

    from ml_assets.frames import FeatureColumns
    from ml_assets.spec.algorithm import TextComponentParameters

# Rarer categories share one column: a category seen a handful of times teaches nothing reliable.
_MIN_CATEGORY_ROWS = 10


class EmptyColumnsAsZero(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Numbers as they are, missing ones too, but 0 in a column where training knew none at all.

    scikit-learn's histograms fail on such columns (seen in 1.9.1).
    """

    def fit(self, frame: "pl.DataFrame", label: Any = None) -> Self:
        """Learns which columns of the (n, columns) frame are empty."""
        del label
        self.empty_: NDArray[np.bool_] = np.isnan(frame.to_numpy()).all(axis=0)
        return self

    def transform(self, frame: "pl.DataFrame") -> "NDArray[np.float64]":
        """The numbers, (n, columns)."""
        return np.where(self.empty_, 0.0, frame.to_numpy())


class PandasFrame(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The features as they are, as the pandas frame that estimators of other makers expect."""

    def fit(self, frame: "pl.DataFrame", label: Any = None) -> Self:
        """Learns nothing."""
        del frame, label
        return self

    def transform(self, frame: "pl.DataFrame") -> Any:
        """A pandas frame of the same columns, (n, features)."""
        return frame.to_pandas()


def categories() -> "OneHotEncoder":
    """One column per frequent category; rare ones share a column, unseen ones are all zero."""
    from sklearn.preprocessing import OneHotEncoder

    return OneHotEncoder(handle_unknown="ignore", min_frequency=_MIN_CATEGORY_ROWS)


def category_codes(most: int) -> "OrdinalEncoder":
    """One number per frequent category; the rare ones share one, unseen ones are missing."""
    from sklearn.preprocessing import OrdinalEncoder

    return OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        min_frequency=_MIN_CATEGORY_ROWS,
        max_categories=most,
    )


def scaled_numbers() -> "Pipeline":
    """Numbers with the training median for missing ones (and a flag), scaled to unit variance."""
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
    )


def dense_matrix(
    columns: "FeatureColumns", parameters: "TextComponentParameters", *, seed: int
) -> "ColumnTransformer":
    """A dense matrix without gaps: texts reduced, categories one-hot, numbers scaled."""
    from sklearn.compose import ColumnTransformer

    steps = text_steps(columns, parameters, seed=seed)
    if columns.categorical:
        steps.append(("categorical", categories(), list(columns.categorical)))
    if columns.numeric:
        steps.append(("numeric", scaled_numbers(), list(columns.numeric)))
    return ColumnTransformer(steps, sparse_threshold=0.0)


def text_steps(
    columns: "FeatureColumns", parameters: "TextComponentParameters", *, seed: int
) -> list[tuple[str, Any, Any]]:
    """The steps that turn each text into dense columns."""
    from ml_assets.algorithms.text_features import text_components

    return [
        (
            f"text_{name}",
            text_components(parameters.text_components, parameters.text_hash_bits, seed=seed),
            name,
        )
        for name in columns.text
    ]
