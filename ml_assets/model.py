"""A fitted model: preprocessing and predictor behind one call, whatever the algorithm."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ml_assets.frames import FeatureColumns, feature_frame

if TYPE_CHECKING:
    import pyarrow as pa

Label = int | str


class Predictor(Protocol):
    """Class probabilities out of preprocessed features."""

    def probabilities(self, features: Any) -> NDArray[np.float64]:
        """The probability of each class, (n, k), rows summing to one."""
        ...


@dataclass(frozen=True)
class FittedModel:
    """One fitted pipeline: it takes raw feature columns and gives class probabilities.

    Attributes:
        algorithm: Name of the algorithm, as in the spec.
        columns: The feature columns that it reads.
        classes: The labels, in the order of the probabilities.
        preprocessing: Fitted scikit-learn transformer from the feature frame; None where the
            predictor looks at no feature (the baseline).
        predictor: From preprocessed features to probabilities.
    """

    algorithm: str
    columns: FeatureColumns
    classes: tuple[Label, ...]
    preprocessing: Any
    predictor: Predictor

    def probabilities(self, table: "pa.Table | pa.RecordBatch") -> NDArray[np.float64]:
        """The probability of each class for each row, (n, k)."""
        if self.preprocessing is None:
            return self.predictor.probabilities(np.zeros((table.num_rows, 1)))
        if table.num_rows == 0:
            return np.zeros((0, len(self.classes)))
        frame = feature_frame(self.columns, table)
        return self.predictor.probabilities(self.preprocessing.transform(frame))


@dataclass(frozen=True)
class SklearnPredictor:
    """A scikit-learn classifier fitted on class indices 0..k-1.

    Attributes:
        estimator: The classifier.
        n_classes: k; classes that training did not show get probability zero.
    """

    estimator: Any
    n_classes: int

    def probabilities(self, features: Any) -> NDArray[np.float64]:
        """The probability of each class, (n, k)."""
        seen = self.estimator.predict_proba(features)
        probabilities = np.zeros((seen.shape[0], self.n_classes))
        probabilities[:, self.estimator.classes_] = seen
        return probabilities


@dataclass(frozen=True)
class BoosterPredictor:
    """A LightGBM booster with a multiclass objective over class indices 0..k-1."""

    booster: Any

    def probabilities(self, features: Any) -> NDArray[np.float64]:
        """The probability of each class, (n, k)."""
        return np.asarray(self.booster.predict(features), dtype=np.float64)


def expected_value(
    probabilities: NDArray[np.float64], classes: tuple[Label, ...]
) -> NDArray[np.float64] | None:
    """The mean of the predicted distribution, (n,), where the classes are numbers; else None.

    >>> expected_value(np.array([[0.5, 0.5]]), (1, 5)).tolist()
    [3.0]
    """
    if not all(isinstance(value, int) for value in classes):
        return None
    return probabilities @ np.asarray(classes, dtype=np.float64)
