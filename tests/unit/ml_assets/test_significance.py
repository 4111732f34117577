import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, chi2

from lakehouse.errors import TidemarkError
from ml_assets.significance import mcnemar


def _rows(both, a_only, b_only, neither):
    a = [True] * (both + a_only) + [False] * (b_only + neither)
    b = [True] * both + [False] * a_only + [True] * b_only + [False] * neither
    return np.array(a, bool), np.array(b, bool)


@pytest.mark.parametrize(("a_only", "b_only"), [(10, 2), (0, 7), (1, 1), (12, 12)])
def test_few_discordant_rows_give_the_exact_binomial_p_value(a_only, b_only):
    found = mcnemar(*_rows(40, a_only, b_only, 5))

    assert found.method == "binomial"
    assert found.p_value == pytest.approx(binomtest(a_only, a_only + b_only).pvalue)
    assert (found.n_discordant, found.n_a_only) == (a_only + b_only, a_only)
    assert found.statistic == min(a_only, b_only)


def test_the_textbook_case_with_continuity_correction():
    # Agresti, "Categorical Data Analysis": 86 against 150 of those who changed their mind.
    found = mcnemar(*_rows(794, 150, 86, 570))

    assert found.method == "chi_square"
    assert found.statistic == pytest.approx((150 - 86 - 1) ** 2 / 236)
    assert found.p_value == pytest.approx(chi2.sf(63**2 / 236, 1))


@pytest.mark.parametrize(("a_only", "method"), [(20, "binomial"), (21, "chi_square")])
def test_the_method_changes_at_25_discordant_rows(a_only, method):
    assert mcnemar(*_rows(0, a_only, 4, 0)).method == method


def test_many_equal_counts_are_no_difference():
    found = mcnemar(*_rows(0, 50, 50, 0))

    assert found.statistic == 0.0
    assert found.p_value == 1.0


@pytest.mark.parametrize("n", [0, 30])
def test_no_discordant_row_is_no_difference(n):
    found = mcnemar(*_rows(n, 0, 0, n))

    assert (found.p_value, found.n_discordant) == (1.0, 0)


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_order_of_the_models_does_not_matter(a_only, b_only):
    a, b = _rows(3, a_only, b_only, 3)

    assert mcnemar(a, b).p_value == pytest.approx(mcnemar(b, a).p_value)
    assert 0.0 <= mcnemar(a, b).p_value <= 1.0


def test_different_numbers_of_rows_are_refused():
    with pytest.raises(TidemarkError, match="2 rows of one model and 3"):
        mcnemar(np.ones(2, bool), np.ones(3, bool))
