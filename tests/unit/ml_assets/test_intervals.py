"""Conformal intervals hold the share of labels that they promise."""

import numpy as np
import pytest

from lakehouse.errors import TidemarkError
from ml_assets.intervals import conformal_margin, conformal_offsets


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9])
def test_new_labels_are_inside_as_often_as_asked(coverage):
    """Over many draws of residuals the coverage is asked <= coverage <= asked + 2 / (n + 1)."""
    random, n, held = np.random.default_rng(2), 99, []
    for _ in range(400):
        residuals = random.standard_t(3, n)
        low, high = conformal_offsets(residuals, coverage=coverage)
        new = random.standard_t(3, 200)
        held.append(((low <= new) & (new <= high)).mean())
    error = 4 * np.std(held) / np.sqrt(len(held))
    assert coverage - error <= np.mean(held) <= coverage + 2 / (n + 1) + error


def test_the_order_of_residuals_does_not_matter():
    residuals = np.random.default_rng(1).normal(size=50)
    assert conformal_offsets(residuals, coverage=0.8) == conformal_offsets(
        residuals[::-1], coverage=0.8
    )


def test_too_few_residuals_are_refused_with_their_least_number():
    assert conformal_offsets(np.arange(19.0), coverage=0.9) == (0.0, 18.0)
    with pytest.raises(TidemarkError, match="18 residuals") as raised:
        conformal_offsets(np.arange(18.0), coverage=0.9)
    assert "19 are the least" in raised.value.hint


def test_the_margin_is_the_score_that_so_many_labels_do_not_pass():
    rng = np.random.default_rng(2)
    label, low, high = rng.normal(size=99), np.full(99, -0.5), np.full(99, 0.5)
    margin = conformal_margin(label, low, high, coverage=0.9)
    inside = (low - margin <= label) & (label <= high + margin)
    assert inside.sum() == 90


def test_intervals_that_are_too_wide_are_narrowed():
    label = np.linspace(-1, 1, 99)
    assert conformal_margin(label, np.full(99, -5.0), np.full(99, 5.0), coverage=0.5) < -4


@pytest.mark.parametrize(("rows", "enough"), [(8, False), (9, True)])
def test_a_margin_needs_as_many_rows_as_its_coverage_asks(rows, enough):
    label, end = np.zeros(rows), np.zeros(rows)
    if enough:
        assert conformal_margin(label, end, end, coverage=0.9) == 0.0
    else:
        with pytest.raises(TidemarkError, match="9 are the least"):
            conformal_margin(label, end, end, coverage=0.9)
