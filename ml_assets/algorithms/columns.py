"""Preprocessing of the structured columns, shared by the algorithms."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder

# Rarer categories share one column: a category seen a handful of times teaches nothing reliable.
_MIN_CATEGORY_ROWS = 10


def categories() -> "OneHotEncoder":
    """One column per frequent category; rare ones share a column, unseen ones are all zero."""
    from sklearn.preprocessing import OneHotEncoder

    return OneHotEncoder(handle_unknown="ignore", min_frequency=_MIN_CATEGORY_ROWS)


def scaled_numbers() -> "Pipeline":
    """Numbers with the training median for missing ones (and a flag), scaled to unit variance."""
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
    )
