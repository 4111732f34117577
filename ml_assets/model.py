"""A fitted model: preprocessing and predictor behind one call, whatever the algorithm."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from ml_assets.frames import FeatureColumns, feature_frame
from ml_assets.interval_scale import IntervalScale
from ml_assets.intervals import conformal_margin, conformal_offsets
from ml_assets.targets.quantity_sums import HIGH, LOW, POINT
from ml_assets.targets.quantity_sums import OUTPUTS as QUANTITY_OUTPUTS

if TYPE_CHECKING:
    import pyarrow as pa

Label = int | str


class Predictor(Protocol):
    """What a target's output is made by, out of preprocessed features."""

    def output(self, features: Any) -> NDArray[np.float64]:
        """The output for each row, (n, m), as the target has it."""
        ...


class IntervalPredictor(Predictor, Protocol):
    """A predictor of quantities, whose intervals are calibrated on rows that it has not seen."""

    def calibrated(
        self, label: NDArray[np.float64], output: NDArray[np.float64], *, coverage: float
    ) -> Self:
        """The same predictor with intervals that hold a share of the labels.

        Args:
            label: Of rows that were left out of fits of the same kind, (n,).
            output: What these fits, not calibrated, gave for them, (n, 3).
            coverage: The share, above 0 and below 1.
        """
        ...


@dataclass(frozen=True)
class EstimatorSource:
    """A class of one's own: its import path, and the identity of its code when it was fitted."""

    class_path: str
    identity: str


@dataclass(frozen=True)
class FittedModel:
    """One fitted pipeline: it takes raw feature columns and gives the target's output.

    Attributes:
        algorithm: Name of the algorithm, as in the spec.
        columns: The feature columns that it reads.
        classes: The labels, in the order of the probabilities; none where quantities are
            predicted.
        preprocessing: Fitted scikit-learn transformer from the feature frame; None where the
            predictor looks at no feature (the baseline).
        predictor: From preprocessed features to the output.
        coverage: The share of labels that intervals are to hold; None where there are none.
        interval_scale: What the predictor's intervals are in units of; None for the quantity's
            own unit.
        parameters: Of the algorithm, by name, as it was fitted; searched ones as they were found.
        estimator: The class of one's own that was fitted; None for the platform's algorithms.
    """

    algorithm: str
    columns: FeatureColumns
    classes: tuple[Label, ...]
    preprocessing: Any
    predictor: Predictor
    coverage: float | None = None
    interval_scale: IntervalScale | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    estimator: EstimatorSource | None = None

    @property
    def outputs(self) -> int:
        """Columns of the output."""
        return len(self.classes) or QUANTITY_OUTPUTS

    def output(self, table: "pa.Table | pa.RecordBatch") -> NDArray[np.float64]:
        """The output for each row: class probabilities (n, k), or number and interval (n, 3)."""
        output = self._predicted(table)
        scale = self.interval_scale
        return output if scale is None else scale.widened(output, table)

    def _predicted(self, table: "pa.Table | pa.RecordBatch") -> NDArray[np.float64]:
        if self.preprocessing is None:
            return self.predictor.output(np.zeros((table.num_rows, 1)))
        if table.num_rows == 0:
            return np.zeros((0, self.outputs))
        frame = feature_frame(self.columns, table)
        return self.predictor.output(self.preprocessing.transform(frame))


@dataclass(frozen=True)
class SklearnPredictor:
    """A scikit-learn classifier fitted on class indices 0..k-1.

    Attributes:
        estimator: The classifier.
        n_classes: k; classes that training did not show get probability zero.
    """

    estimator: Any
    n_classes: int

    def output(self, features: Any) -> NDArray[np.float64]:
        """The probability of each class, (n, k)."""
        seen = self.estimator.predict_proba(features)
        probabilities = np.zeros((seen.shape[0], self.n_classes))
        probabilities[:, self.estimator.classes_] = seen
        return probabilities


@dataclass(frozen=True)
class BoosterPredictor:
    """A LightGBM booster with a multiclass objective over class indices 0..k-1."""

    booster: Any

    def output(self, features: Any) -> NDArray[np.float64]:
        """The probability of each class, (n, k)."""
        return np.asarray(self.booster.predict(features), dtype=np.float64)


@dataclass(frozen=True)
class QuantityPredictor:
    """A regressor with an interval around what it predicts.

    Attributes:
        regressor: A scikit-learn regressor or a LightGBM booster.
        low, high: From the prediction to the ends of its interval, as residuals show them.
    """

    regressor: Any
    low: float
    high: float

    def output(self, features: Any) -> NDArray[np.float64]:
        """The prediction and the ends of its interval, (n, 3)."""
        point = np.asarray(self.regressor.predict(features), dtype=np.float64)
        return np.column_stack([point, point + self.low, point + self.high])

    def calibrated(
        self, label: NDArray[np.float64], output: NDArray[np.float64], *, coverage: float
    ) -> Self:
        """The same regressor with the interval that its residuals show."""
        low, high = conformal_offsets(label - output[:, POINT], coverage=coverage)
        return replace(self, low=low, high=high)


@dataclass(frozen=True)
class QuantilePredictor:
    """Three quantile regressors: the ends of an interval, and the median.

    Attributes:
        lower, median, upper: scikit-learn regressors or LightGBM boosters.
        margin: What is added to the interval at both ends; below 0, it is narrowed.
    """

    lower: Any
    median: Any
    upper: Any
    margin: float

    def output(self, features: Any) -> NDArray[np.float64]:
        """The median and the ends of the interval, (n, 3).

        Quantiles that cross are sorted, which brings each nearer to the truth (Chernozhukov,
        Fernandez-Val and Galichon, Econometrica 78, 2010); the interval always holds the median.
        """
        quantiles = [one.predict(features) for one in (self.lower, self.median, self.upper)]
        low, median, high = np.sort(np.asarray(quantiles, dtype=np.float64), axis=0)
        return np.column_stack(
            [
                median,
                np.minimum(low - self.margin, median),
                np.maximum(high + self.margin, median),
            ]
        )

    def calibrated(
        self, label: NDArray[np.float64], output: NDArray[np.float64], *, coverage: float
    ) -> Self:
        """The same quantiles with the margin that their intervals lacked, or could do without."""
        margin = conformal_margin(label, output[:, LOW], output[:, HIGH], coverage=coverage)
        return replace(self, margin=margin)


def expected_value(
    probabilities: NDArray[np.float64], classes: tuple[Label, ...]
) -> NDArray[np.float64] | None:
    """The mean of the predicted distribution, (n,), where the classes are numbers; else None.

    >>> expected_value(np.array([[0.5, 0.5]]), (1, 5)).tolist()
    [3.0]
    """
    if not classes or not all(isinstance(value, int) for value in classes):
        return None
    return probabilities @ np.asarray(classes, dtype=np.float64)
