"""Precision, recall and F1: by hand, against scikit-learn, and their intervals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.extraction.labelled import value_counts
from ml_assets.extraction.quality import (
    f1_difference,
    qualities,
    quality_intervals,
    wilson,
    with_all,
)

VALUES = ["string", "neck", "capo", "cable"]
sets_of_values = st.lists(st.sampled_from(VALUES), max_size=5)


def test_by_hand() -> None:
    """Right: string, capo. Wrong: neck. Missed: cable, neck. A row that nobody looked at is out."""
    found = [{"part": ["string", "neck"]}, {"part": ["capo"]}, {}, {"part": ["cable"]}]
    true = [["string"], ["capo", "cable"], ["neck"], None]
    counts = value_counts("part", found, true).sum(axis=0)
    assert counts.tolist() == [2, 1, 2]
    values = qualities(counts)
    assert values["precision"] == pytest.approx(2 / 3)
    assert values["recall"] == pytest.approx(1 / 2)
    assert values["f1"] == pytest.approx(4 / 7)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(sets_of_values, sets_of_values), min_size=1, max_size=20))
def test_equal_to_scikit_learns_micro_averages(rows) -> None:
    from sklearn.metrics import precision_recall_fscore_support
    from sklearn.preprocessing import MultiLabelBinarizer

    found, true = [row[0] for row in rows], [row[1] for row in rows]
    counts = value_counts("f", [{"f": one} for one in found], true).sum(axis=0)
    binarizer = MultiLabelBinarizer(classes=VALUES)
    theirs = precision_recall_fscore_support(
        binarizer.fit_transform([set(one) for one in true]),
        binarizer.transform([set(one) for one in found]),
        average="micro",
        zero_division=np.nan,
    )
    ours = qualities(counts)
    for name, expected in zip(("precision", "recall", "f1"), theirs, strict=False):
        np.testing.assert_allclose(ours[name], expected)


def test_wilson_by_the_published_example() -> None:
    """Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662, 0 of 20 gives 0 to 0.1611."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)


@given(st.tuples(*[st.integers(0, 500)] * 3))
def test_an_interval_holds_its_estimate(counts) -> None:
    found = quality_intervals(counts)
    assert ("precision" in found) == (counts[0] + counts[1] > 0)
    for interval in found.values():
        assert 0 <= interval.low <= interval.estimate <= interval.high <= 1


def test_the_f1_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    shares = np.array([0.6, 0.15, 0.25])
    truth = float(qualities(shares * 1000)["f1"])
    drawn = rng.multinomial(80, shares, size=600)
    found = [quality_intervals(counts)["f1"] for counts in drawn]
    covered = np.mean([one.low <= truth <= one.high for one in found])
    assert 0.93 < covered < 0.975


def test_equal_versions_do_not_differ() -> None:
    counts = np.random.default_rng(1).integers(0, 3, (100, 3))
    found = f1_difference(counts, counts, seed=7)
    assert (found.estimate, found.low, found.high) == (0.0, 0.0, 0.0)


def test_a_version_that_finds_less_is_worse_with_its_whole_interval() -> None:
    good = np.tile([2, 0, 0], (200, 1))
    poor = np.tile([[2, 0, 0], [1, 0, 1]], (100, 1))
    found = f1_difference(poor, good, seed=7)
    assert found.estimate == pytest.approx(6 / 7 - 1)
    assert found.high < 0


def test_all_fields_together_sum_their_counts() -> None:
    counts = with_all({"a": np.array([[1, 0, 0]]), "b": np.array([[0, 2, 1]])})
    assert counts["all"].tolist() == [[1, 2, 1]]
    assert list(counts) == ["all", "a", "b"]
