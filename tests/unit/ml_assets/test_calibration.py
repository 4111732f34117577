import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.errors import TidemarkError
from ml_assets.calibration import (
    CONFIDENCE_BINS,
    confidence_bins,
    expected_calibration_error,
    reliability_table,
)


def test_a_confidence_on_an_edge_falls_into_the_bin_below():
    edges = np.linspace(0.0, 1.0, CONFIDENCE_BINS + 1)

    assert confidence_bins(edges).tolist() == [0, *range(CONFIDENCE_BINS)]
    assert confidence_bins(np.nextafter(edges[1:-1], 2.0)).tolist() == list(range(1, 15))


@given(st.floats(0.0, 1.0), st.integers(1, 40))
def test_a_bin_holds_its_confidences(confidence, bins):
    place = int(confidence_bins(np.array([confidence]), bins=bins)[0])

    edges = np.linspace(0.0, 1.0, bins + 1)
    assert edges[place] <= confidence <= edges[place + 1]


def test_the_table_by_hand():
    label = np.array([0, 1, 1, 0])
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.45, 0.55], [0.3, 0.7]])

    low, middle, high = reliability_table(label, probabilities, bins=3)

    assert (low.count, low.mean_confidence, low.accuracy) == (0, None, None)
    assert (middle.count, middle.accuracy) == (1, 1.0)
    assert middle.mean_confidence == pytest.approx(0.55)
    assert (middle.lower, middle.upper) == pytest.approx((1 / 3, 2 / 3))
    assert (high.count, high.accuracy) == (3, pytest.approx(1 / 3))
    assert high.mean_confidence == pytest.approx((0.9 + 0.9 + 0.7) / 3)


def test_a_table_of_no_rows_has_empty_bins():
    table = reliability_table(np.array([], int), np.empty((0, 3)))

    assert len(table) == CONFIDENCE_BINS
    assert {row.count for row in table} == {0}
    assert {row.accuracy for row in table} == {None}


def test_one_bin_holds_all_rows():
    (only,) = reliability_table(np.array([0, 1]), np.array([[1.0, 0.0], [0.6, 0.4]]), bins=1)

    assert (only.lower, only.upper, only.count, only.accuracy) == (0.0, 1.0, 2, 0.5)


def test_a_table_without_bins_is_refused():
    with pytest.raises(TidemarkError, match="0 bins"):
        reliability_table(np.array([0]), np.array([[1.0, 0.0]]), bins=0)


def test_the_calibration_error_is_the_weighted_mean_of_the_tables_gaps():
    random = np.random.default_rng(4)
    probabilities = random.dirichlet(np.ones(3), 500)
    label = random.integers(0, 3, 500)

    table = [row for row in reliability_table(label, probabilities) if row.count]

    expected = sum(row.count * abs(row.accuracy - row.mean_confidence) for row in table) / 500
    confidence = probabilities.max(axis=1)
    gaps = np.bincount(
        confidence_bins(confidence),
        (probabilities.argmax(axis=1) == label) - confidence,
        minlength=CONFIDENCE_BINS,
    )
    assert expected_calibration_error(gaps, np.array(500.0)) == pytest.approx(expected)
