import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, chi2, ttest_1samp

from lakehouse.errors import TidemarkError
from ml_assets.significance import diebold_mariano, mcnemar


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


def test_one_step_ahead_it_is_students_test_of_the_loss_differences():
    """With horizon 1 the correction makes the biased variance the unbiased one."""
    random = np.random.default_rng(4)
    a, b = random.normal(1.0, 1.0, 40) ** 2, random.normal(1.2, 1.0, 40) ** 2

    found = diebold_mariano(a, b)

    expected = ttest_1samp(a - b, 0.0)
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval(0.95)
    assert (found.low, found.high) == (pytest.approx(interval.low), pytest.approx(interval.high))


def test_two_steps_ahead_worked_by_hand():
    """d = 1, 2, 0, 1, 1: mean 1, autocovariances 2/5 and -1/5, too much for the plain sum."""
    a, b = np.array([1.0, 2.0, 0.0, 1.0, 1.0]), np.zeros(5)

    found = diebold_mariano(a, b, horizon=2)

    # 2/5 - 2/5 is 0, so Bartlett's weight of one half: 2/5 - 1/5; correction (5 + 1 - 4 + 2/5) / 5.
    assert found.statistic == pytest.approx(1.0 / np.sqrt(0.2 / 5 / (2.4 / 5)))


def test_overlapping_horizons_reject_as_often_as_asked():
    """Errors over 5 steps, of two forecasts that are equally good, at 5 %: 3 to 9 in 100."""
    random, rejected = np.random.default_rng(11), 0
    for _ in range(400):
        steps = random.normal(size=(2, 204))
        errors = np.array([np.convolve(row, np.ones(5), "valid") for row in steps])
        rejected += diebold_mariano(*errors**2, horizon=5).p_value < 0.05
    assert 12 <= rejected <= 36


def test_the_order_of_forecasts_turns_the_sign():
    random = np.random.default_rng(6)
    a, b = random.random(30), random.random(30)
    one, other = diebold_mariano(a, b, horizon=3), diebold_mariano(b, a, horizon=3)
    assert one.statistic == pytest.approx(-other.statistic)
    assert one.p_value == pytest.approx(other.p_value)


def test_equal_losses_differ_by_nothing():
    losses = np.arange(10.0)
    found = diebold_mariano(losses, losses.copy(), horizon=2)
    assert (found.statistic, found.p_value, found.low, found.high) == (0.0, 1.0, 0.0, 0.0)


@pytest.mark.parametrize(("n", "horizon"), [(1, 1), (9, 5), (10, 0)])
def test_too_few_forecasts_are_refused(n, horizon):
    with pytest.raises(TidemarkError, match="too few to compare"):
        diebold_mariano(np.zeros(n), np.ones(n), horizon=horizon)


def test_forecasts_of_different_rows_are_refused():
    with pytest.raises(TidemarkError, match="3 losses of one forecast and 4"):
        diebold_mariano(np.zeros(3), np.zeros(4))
