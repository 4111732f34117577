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
