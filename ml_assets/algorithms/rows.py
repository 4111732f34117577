"""What every algorithm is fitted on."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml_assets.frames import FeatureColumns
from ml_assets.model import Label

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """The rows that a model is fitted on.

    Attributes:
        frame: Features as `feature_frame` gives them, (n, features).
        label: Class indices, or numbers, (n,).
        weights: Of the rows, (n,); None counts each once.
        columns: The features by kind.
        classes: The classes that the indices stand for; none where numbers are predicted.
        coverage: The share of labels that intervals are to hold.
        seed: Of everything random.
    """

    frame: "pl.DataFrame"
    label: NDArray[Any]
    weights: NDArray[np.float64] | None
    columns: FeatureColumns
    classes: tuple[Label, ...]
    coverage: float
    seed: int
