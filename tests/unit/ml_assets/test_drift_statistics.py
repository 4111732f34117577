import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency, ks_2samp, wasserstein_distance

from lakehouse.errors import TidemarkError
from ml_assets.drift_statistics import (
    bonferroni,
    chi_square,
    holm,
    jensen_shannon_distance,
    kolmogorov_smirnov_binned,
    population_stability_index,
    psi_noise_limit,
    wasserstein_binned,
)

REFERENCE = np.array([120, 80, 40, 0, 10])
CURRENT = np.array([30, 50, 60, 0, 0])


@st.composite
def _two_sides(draw):
    bins = draw(st.integers(1, 12))
    counts = st.lists(st.integers(0, 500), min_size=bins, max_size=bins).filter(any)
    return np.array(draw(counts)), np.array(draw(counts))


def test_psi_by_hand_with_half_a_row_added_to_each_bin():
    p = np.array([10.5, 30.5]) / 41
    q = np.array([0.5, 40.5]) / 41

    found = population_stability_index(np.array([10, 30]), np.array([0, 40]))

    assert found == pytest.approx(((q - p) * np.log(q / p)).sum())


def test_bins_that_are_empty_on_both_sides_change_nothing():
    wide = np.zeros(40, int)
    reference, current = np.append(REFERENCE, wide), np.append(CURRENT, wide)

    assert population_stability_index(reference, current) == population_stability_index(
        REFERENCE, CURRENT
    )
    assert chi_square(reference, current) == chi_square(REFERENCE, CURRENT)


def test_a_bin_of_a_single_row_counts():
    assert population_stability_index(np.array([10, 1]), np.array([10, 0])) > 0.0
    assert chi_square(np.array([10, 1]), np.array([10, 0])).degrees_of_freedom == 1


@given(_two_sides())
def test_psi_and_jensen_shannon_are_symmetric_and_in_range(sides):
    reference, current = sides
    psi = population_stability_index(reference, current)
    distance = jensen_shannon_distance(reference, current)

    assert psi >= 0.0
    assert 0.0 <= distance <= 1.0
    assert psi == pytest.approx(population_stability_index(current, reference))
    assert distance == pytest.approx(jensen_shannon_distance(current, reference))


@given(_two_sides())
def test_equal_counts_are_no_drift(sides):
    counts, _ = sides
    edges = np.arange(len(counts) + 1.0)

    assert population_stability_index(counts, counts) == 0.0
    assert jensen_shannon_distance(counts, counts) == 0.0
    assert wasserstein_binned(counts, counts, edges) == 0.0
    assert kolmogorov_smirnov_binned(counts, counts).statistic == 0.0
    assert kolmogorov_smirnov_binned(counts, counts).p_value == 1.0
    assert chi_square(counts, counts).p_value == pytest.approx(1.0)


@given(_two_sides())
def test_jensen_shannon_is_that_of_scipy(sides):
    reference, current = sides

    assert jensen_shannon_distance(reference, current) == pytest.approx(
        jensenshannon(reference, current, base=2), abs=1e-7
    )


@pytest.mark.parametrize(
    ("n", "m", "shares"),
    [
        (2000, 2000, np.full(10, 0.1)),
        (100_000, 500, np.full(20, 0.05)),
        (20_000, 1000, np.array([0.5, 0.2, 0.1, 0.1, 0.05, 0.05])),
    ],
)
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_the_noise_limit_of_psi_is_exceeded_as_often_as_it_says(n, m, shares, alpha):
    random = np.random.default_rng(11)
    trials = 2000
    limit = psi_noise_limit(n, m, len(shares), alpha=alpha)

    alarms = sum(
        population_stability_index(random.multinomial(n, shares), random.multinomial(m, shares))
        > limit
        for _ in range(trials)
    )

    # Four standard errors of a binomial share, and a fifth of alpha for the approximation.
    slack = 4 * np.sqrt(alpha * (1 - alpha) / trials) + alpha / 5
    assert alarms / trials == pytest.approx(alpha, abs=slack)


def test_rare_bins_make_false_alarms_rarer_not_more_frequent():
    random = np.random.default_rng(12)
    shares = 1 / np.arange(1, 61.0) ** 1.5
    shares /= shares.sum()
    limit = psi_noise_limit(5000, 500, 60, alpha=0.05)

    alarms = sum(
        population_stability_index(
            random.multinomial(5000, shares), random.multinomial(500, shares)
        )
        > limit
        for _ in range(400)
    )

    assert alarms <= 20


def test_a_real_shift_exceeds_the_noise_limit():
    reference, current = np.full(10, 1000), np.append(np.full(9, 90), 190)

    assert population_stability_index(reference, current) > psi_noise_limit(10_000, 1000, 10)


@pytest.mark.parametrize(
    "arguments",
    [(0, 10, 5, 0.05), (10, 0, 5, 0.05), (10, 10, 1, 0.05), (10, 10, 5, 0.0), (10, 10, 5, 1.0)],
)
def test_no_noise_limit_without_rows_bins_or_a_level(arguments):
    *counts, alpha = arguments
    with pytest.raises(TidemarkError, match="No noise limit"):
        psi_noise_limit(*counts, alpha=alpha)


def test_wasserstein_of_fine_bins_is_that_of_scipy():
    random = np.random.default_rng(13)
    before, after = random.lognormal(0.0, 0.6, 4000), random.lognormal(0.2, 0.5, 3000)
    edges = np.linspace(0.0, max(before.max(), after.max()), 2001)

    found = wasserstein_binned(np.histogram(before, edges)[0], np.histogram(after, edges)[0], edges)

    assert found == pytest.approx(wasserstein_distance(before, after), abs=edges[1])


def test_wasserstein_where_the_cumulative_shares_cross_within_a_bin():
    # Cumulative shares at the edges: 0, 0.75, 1 against 0, 0.25, 1, so the gap is 0.5 at 1.
    crossing = wasserstein_binned(
        np.array([3, 0, 1]), np.array([1, 3, 0]), np.array([0.0, 1.0, 2.0, 3.0])
    )

    # The gap runs 0, 0.5, -0.25, 0: a triangle, two triangles that meet at 2/3, a triangle.
    assert crossing == pytest.approx(0.25 + (0.5 * 2 / 3 + 0.25 / 3) / 2 + 0.125)


def test_a_bin_of_one_value_has_no_width():
    edges = np.array([0.0, 0.0, 1.0])

    assert wasserstein_binned(np.array([5, 0]), np.array([0, 5]), edges) == pytest.approx(0.5)


@given(_two_sides(), st.floats(0.1, 10.0), st.floats(-5.0, 5.0))
def test_wasserstein_is_in_the_unit_of_the_edges(sides, unit, shift):
    edges = np.arange(len(sides[0]) + 1.0)

    assert wasserstein_binned(*sides, unit * edges + shift) == pytest.approx(
        unit * wasserstein_binned(*sides, edges), abs=1e-9
    )


@pytest.mark.parametrize(
    "edges", [[0.0, 1.0], [0.0, 1.0, np.inf], [1.0, 0.0, 2.0], [0.0, np.nan, 1.0]]
)
def test_unusable_edges_are_refused(edges):
    with pytest.raises(TidemarkError, match="finite, ascending edges"):
        wasserstein_binned(np.array([1, 1]), np.array([1, 1]), np.array(edges))


def test_kolmogorov_smirnov_on_bins_of_one_value_each_is_that_of_scipy():
    random = np.random.default_rng(14)
    before, after = random.integers(0, 30, 300), random.integers(2, 30, 200)

    found = kolmogorov_smirnov_binned(
        np.bincount(before, minlength=30), np.bincount(after, minlength=30)
    )

    exact = ks_2samp(before, after, method="asymp")
    assert found.statistic == pytest.approx(exact.statistic)
    assert found.p_value == pytest.approx(exact.pvalue)


def test_chi_square_is_that_of_scipy_without_bins_that_are_empty_on_both_sides():
    found = chi_square(REFERENCE, CURRENT)

    table = np.stack([REFERENCE, CURRENT])[:, [0, 1, 2, 4]]
    expected = chi2_contingency(table, correction=False)
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.degrees_of_freedom == expected.dof == 3


def test_chi_square_of_a_constant_feature_is_no_drift():
    found = chi_square(np.array([7, 0]), np.array([9, 0]))

    assert (found.statistic, found.p_value, found.degrees_of_freedom) == (0.0, 1.0, 0)


@pytest.mark.parametrize(
    ("reference", "current", "message"),
    [
        ([1, 2], [1, 2, 3], "2,"),
        ([[1, 2]], [[1, 2]], r"\(1, 2\)"),
        ([0, 0], [1, 2], "0 reference rows against 3"),
        ([1, 2], [0, 0], "3 reference rows against 0"),
        ([], [], "0 reference rows against 0"),
        ([1, -1], [1, 2], "negative"),
        ([1.0, np.nan], [1, 2], "missing"),
        ([1, 2], [1, np.inf], "missing"),
    ],
)
@pytest.mark.parametrize(
    "statistic",
    [
        population_stability_index,
        jensen_shannon_distance,
        kolmogorov_smirnov_binned,
        chi_square,
        lambda reference, current: wasserstein_binned(reference, current, np.arange(3.0)),
    ],
)
def test_counts_that_cannot_be_compared_are_refused(statistic, reference, current, message):
    with pytest.raises(TidemarkError, match=message):
        statistic(np.array(reference), np.array(current))


def test_the_arguments_are_left_as_they_were():
    reference, current = REFERENCE.astype(float), CURRENT.astype(float)

    population_stability_index(reference, current)
    wasserstein_binned(reference, current, np.arange(6.0))

    assert reference.tolist() == REFERENCE.tolist()
    assert current.tolist() == CURRENT.tolist()


@pytest.mark.parametrize(("alpha", "n"), [(0.0, 3), (1.0, 3), (0.05, 0)])
def test_bonferroni_of_nothing_is_refused(alpha, n):
    assert bonferroni(0.05, 4) == 0.0125
    with pytest.raises(TidemarkError, match="tests"):
        bonferroni(alpha, n)


def test_holm_by_hand():
    # Holm 1979: sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1, then never falling.
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_of_no_tests_is_nothing():
    assert holm([]).tolist() == []


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=20))
def test_holm_lies_between_the_raw_value_and_bonferronis_and_keeps_the_order(p_values):
    p = np.array(p_values)
    adjusted = holm(p)

    assert (adjusted >= p).all()
    assert (adjusted <= np.minimum(p * len(p), 1.0) + 1e-12).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0.0).all()


@pytest.mark.parametrize("p_values", [[0.1, 1.5], [-0.1], [float("nan")]])
def test_holm_refuses_what_is_no_p_value(p_values):
    with pytest.raises(TidemarkError, match="from 0 to 1"):
        holm(p_values)
