"""Whether two models that were judged on the same rows differ by more than chance."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lakehouse.errors import TidemarkError

# Below this the chi-square approximation is poor and the binomial distribution cheap.
_EXACT_BELOW = 25


@dataclass(frozen=True)
class TestResult:
    """A test statistic and its p-value: the probability of one as extreme if nothing differed."""

    __test__ = False  # pytest would take the class for a test by its name

    statistic: float
    p_value: float


@dataclass(frozen=True)
class DieboldMarianoResult(TestResult):
    """The Diebold-Mariano test of two forecasts' losses on the same rows.

    `mean_difference` is the first forecast's mean loss less the second's, in the loss's unit;
    `low` and `high` are its interval at `confidence`; `n` is the number of forecasts.
    """

    mean_difference: float
    low: float
    high: float
    confidence: float
    n: int


@dataclass(frozen=True)
class McNemarResult(TestResult):
    """McNemar's test of two models on the same rows.

    `n_discordant` rows are right in one model and wrong in the other, `n_a_only` of them right in
    the first. `method` says which distribution gave the p-value.
    """

    n_discordant: int
    n_a_only: int
    method: Literal["binomial", "chi_square"]


def mcnemar(a_correct: NDArray[np.bool_], b_correct: NDArray[np.bool_]) -> McNemarResult:
    """The two-sided McNemar test of whether two models are right equally often.

    Only rows on which exactly one model is right count. Below 25 of them the p-value is the exact
    binomial one, and the statistic the smaller of the two counts; from 25 on it is chi-square with
    one degree of freedom and Edwards' continuity correction.

    Source: McNemar, Psychometrika 12, 1947; Edwards, Psychometrika 13, 1948.

    Args:
        a_correct: Whether the first model is right, (n,).
        b_correct: The same of the second model, row by row.

    Raises:
        TidemarkError: The rows are not the same number.

    >>> a_right = np.array([True] * 10 + [False] * 2)
    >>> found = mcnemar(a_right, ~a_right)
    >>> found.n_discordant, found.statistic, round(found.p_value, 4)
    (12, 2.0, 0.0386)
    """
    from scipy.stats import binom, chi2

    if a_correct.shape != b_correct.shape:
        raise TidemarkError(
            f"McNemar's test was given {len(a_correct)} rows of one model and {len(b_correct)} "
            "of the other.",
            hint="Both models must be judged on the same rows.",
        )
    a_right, b_right = a_correct.astype(bool), b_correct.astype(bool)
    a_only = int((a_right & ~b_right).sum())
    b_only = int((b_right & ~a_right).sum())
    n = a_only + b_only
    if n < _EXACT_BELOW:
        smaller = min(a_only, b_only)
        p_value = min(1.0, 2.0 * float(binom.cdf(smaller, n, 0.5)))
        return McNemarResult(float(smaller), p_value, n, a_only, "binomial")
    statistic = max(0.0, abs(a_only - b_only) - 1.0) ** 2 / n
    return McNemarResult(statistic, float(chi2.sf(statistic, 1)), n, a_only, "chi_square")


def diebold_mariano(
    a_loss: NDArray[np.float64],
    b_loss: NDArray[np.float64],
    *,
    horizon: int = 1,
    confidence: float = 0.95,
) -> DieboldMarianoResult:
    """The two-sided test of whether two forecasts have the same expected loss, for small samples.

    Errors of forecasts over `horizon` steps overlap, so that their loss differences are correlated
    up to lag `horizon` - 1: the variance of the mean counts those autocovariances. Where they make
    it zero or less, which a small sample can do, they are weighted by Bartlett's kernel instead,
    which cannot. The statistic has the small-sample correction, and Student's t with n - 1 degrees
    of freedom. Two forecasts with equal losses throughout have statistic 0 and p-value 1.

    Source: Diebold and Mariano, Journal of Business & Economic Statistics 13, 1995; Harvey,
    Leybourne and Newbold, International Journal of Forecasting 13, 1997, equation 9; Newey and
    West, Econometrica 55, 1987.

    Args:
        a_loss: Losses of the first forecast in the order of time, (n,).
        b_loss: Those of the second, row by row.
        horizon: Steps from the forecast to what is forecast, 1 or more.
        confidence: Of the interval, above 0 and below 1.

    Raises:
        TidemarkError: Not the same number of rows, or too few of them for the horizon.

    >>> found = diebold_mariano(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 1.0, 2.0, 2.0]))
    >>> found.mean_difference, round(found.statistic, 4), round(found.p_value, 4)
    (1.0, 2.4495, 0.0917)
    """
    from scipy.stats import t

    n = len(a_loss)
    if a_loss.shape != b_loss.shape:
        raise TidemarkError(
            f"The Diebold-Mariano test was given {n} losses of one forecast and {len(b_loss)} of "
            "the other.",
            hint="Both forecasts must be judged on the same rows.",
        )
    if horizon < 1 or n < 2 * horizon:
        raise TidemarkError(
            f"{n} forecasts over a horizon of {horizon} steps are too few to compare.",
            hint=f"Take a longer hold-out: {max(2, 2 * horizon)} rows are the least.",
        )
    difference = np.asarray(a_loss, np.float64) - np.asarray(b_loss, np.float64)
    mean = float(difference.mean())
    variance = _long_run_variance(difference, lags=horizon - 1)
    correction = (n + 1 - 2 * horizon + horizon * (horizon - 1) / n) / n
    error = float(np.sqrt(variance / n / correction))
    if error == 0.0:
        # Equal losses, or a difference that never varies: no sample says more.
        p_value = 1.0 if mean == 0.0 else 0.0
        statistic = 0.0 if mean == 0.0 else float(np.copysign(np.inf, mean))
        return DieboldMarianoResult(statistic, p_value, mean, mean, mean, confidence, n)
    statistic = mean / error
    reach = float(t.ppf((1.0 + confidence) / 2.0, n - 1)) * error
    p_value = float(2.0 * t.sf(abs(statistic), n - 1))
    return DieboldMarianoResult(statistic, p_value, mean, mean - reach, mean + reach, confidence, n)


def _long_run_variance(values: NDArray[np.float64], *, lags: int) -> float:
    """The variance of the mean times n, with the autocovariances up to that lag."""
    centred = values - values.mean()
    n = len(values)
    covariances = [float(centred[lag:] @ centred[: n - lag]) / n for lag in range(lags + 1)]
    plain = covariances[0] + 2.0 * sum(covariances[1:])
    if plain > 0.0:
        return plain
    weights = [1.0 - lag / (lags + 1) for lag in range(1, lags + 1)]
    return covariances[0] + 2.0 * sum(
        weight * value for weight, value in zip(weights, covariances[1:], strict=True)
    )
