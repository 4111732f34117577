"""The proportional odds model: ordered classes as stretches of one linear score."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

Floats = NDArray[np.float64]
# A relative change of the loss below which the optimizer ends; scipy's own is for exact answers.
_TOLERANCE = 1e-10
_GRADIENT_TOLERANCE = 1e-6
# exp() of more overflows.
_LARGEST = 700.0
# A line search may try any step; between exp(-30) and exp(30) thresholds stay apart and finite.
_LARGEST_STEP = 30.0


class ProportionalOdds(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Cumulative logits with one slope for all thresholds and an L2 penalty on the slope.

    P(class <= j) = 1 / (1 + exp(-(threshold_j - x w))) with rising thresholds, so that the
    cumulative probabilities rise too. Fitted by maximum likelihood less w w / (2 C), as
    scikit-learn's logistic regression has it, which for two classes is the same model. Rows may be
    a sparse matrix.

    Source: McCullagh, "Regression Models for Ordinal Data", Journal of the Royal Statistical
    Society B 42, 1980.

    Args:
        C: Inverse strength of the penalty.
        max_iter: Most steps of the optimizer (L-BFGS).
    """

    def __init__(self, C: float = 1.0, max_iter: int = 300) -> None:  # noqa: N803 - scikit-learn's
        self.C = C
        self.max_iter = max_iter

    def fit(self, X: Any, y: NDArray[Any], sample_weight: Floats | None = None) -> Self:  # noqa: N803
        """Fits on rows (n, features) of classes whose order is that of their values, (n,)."""
        from scipy.optimize import minimize

        self.classes_, place = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"there is only one class, {self.classes_[0]}")
        weights = np.ones(len(place)) if sample_weight is None else sample_weight
        shares = np.bincount(place, weights)
        below = np.cumsum(shares)[:-1] / shares.sum()
        thresholds = np.log(below / (1.0 - below))
        # Thresholds are the first one and the logarithms of the steps: rising whatever they are.
        start = np.concatenate([np.zeros(X.shape[1]), thresholds[:1], np.log(np.diff(thresholds))])
        found = minimize(
            _loss_and_gradient,
            start,
            args=(X, place, weights, self.C),
            jac=True,
            method="L-BFGS-B",
            options={
                "maxiter": self.max_iter,
                "ftol": _TOLERANCE,
                "gtol": _GRADIENT_TOLERANCE,
            },
        )
        features = X.shape[1]
        self.coef_: Floats = found.x[:features]
        self.thresholds_: Floats = _thresholds(found.x[features:])
        self.n_iter_ = int(found.nit)
        return self

    def predict_proba(self, X: Any) -> Floats:  # noqa: N803 - scikit-learn's name
        """The probability of each class, (n, k)."""
        score = np.asarray(X @ self.coef_).ravel()
        below = _sigmoid(self.thresholds_[None, :] - score[:, None])
        edges = np.ones((len(score), 1))
        return np.diff(np.hstack([0.0 * edges, below, edges]), axis=1)

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803 - scikit-learn's name
        """The class of highest probability, (n,)."""
        predicted: NDArray[Any] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return predicted


def _loss_and_gradient(
    parameters: Floats, rows: Any, place: NDArray[np.intp], weights: Floats, penalty: float
) -> tuple[float, Floats]:
    """Negative log likelihood over the rows' weight, penalised, and its gradient.

    With s the logistic function and a, b the distances to the thresholds above and below,
    P = s(a) - s(b) = s(a) s(-b) (1 - exp(b - a)), which loses no digits in the tails, and
    dlogP/da = s(-a) + d, dlogP/db = -s(b) - d, where d = 1 / (exp(a - b) - 1).
    """
    features = rows.shape[1]
    slope, thresholds = parameters[:features], _thresholds(parameters[features:])
    score = np.asarray(rows @ slope).ravel()
    edges = np.concatenate([[-np.inf], thresholds, [np.inf]])
    above, below = edges[place + 1] - score, edges[place] - score
    gap = (edges[1:] - edges[:-1])[place]
    log_p = -np.logaddexp(0.0, -above) - np.logaddexp(0.0, below) + np.log(-np.expm1(-gap))
    shared = 1.0 / np.expm1(np.minimum(gap, _LARGEST))
    by_above = weights * (_sigmoid(-above) + shared)
    by_below = -weights * (_sigmoid(below) + shared)
    total = weights.sum()
    loss = (-(weights @ log_p) + slope @ slope / (2.0 * penalty)) / total
    by_score = by_above + by_below
    slope_gradient = np.asarray(rows.T @ by_score).ravel() + slope / penalty
    k = len(edges) - 1
    by_edge = np.bincount(place + 1, by_above, minlength=k + 1)
    by_edge += np.bincount(place, by_below, minlength=k + 1)
    by_threshold = -by_edge[1:-1]
    # A step moves its threshold and all above it.
    after = np.cumsum(by_threshold[::-1])[::-1]
    steps = np.concatenate([[1.0], np.diff(thresholds)])
    return float(loss), np.concatenate([slope_gradient, after * steps]) / total


def _thresholds(parameters: Floats) -> Floats:
    steps = np.exp(np.clip(parameters[1:], -_LARGEST_STEP, _LARGEST_STEP))
    return np.cumsum(np.concatenate([parameters[:1], steps]))


def _sigmoid(values: Floats) -> Floats:
    from scipy.special import expit

    result: Floats = expit(values)
    return result
