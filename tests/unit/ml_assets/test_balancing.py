import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from lakehouse.errors import TidemarkError
from ml_assets.balancing import class_weights, undersample

LABELS = st.lists(st.integers(0, 4), min_size=1, max_size=80).map(np.array)
RATIOS = st.floats(1.0, 20.0)


def test_weights_are_the_balanced_ones_of_scikit_learn():
    label = np.array([0] * 70 + [1] * 20 + [2] * 10)

    assert class_weights(label, 3) == pytest.approx(
        compute_class_weight("balanced", classes=np.arange(3), y=label)
    )


def test_an_absent_class_weighs_nothing():
    assert class_weights(np.array([2, 2, 0, 2]), 4).tolist() == [2.0, 0.0, 2 / 3, 0.0]


@given(LABELS, RATIOS)
def test_the_heaviest_class_weighs_at_most_the_ratio_and_rows_one_on_average(label, ratio):
    weights = class_weights(label, 5, ratio=ratio)

    totals = np.bincount(label, weights[label], minlength=5)[np.unique(label)]
    assert weights[label].mean() == pytest.approx(1.0)
    assert totals.max() <= ratio * totals.min() * (1 + 1e-9)


def test_a_ratio_above_the_imbalance_leaves_all_rows_alike():
    assert class_weights(np.array([0, 0, 0, 1]), 2, ratio=3.0).tolist() == [1.0, 1.0]


def test_no_rows_have_no_weights():
    assert class_weights(np.array([], int), 3).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("label", [[0, 3], [-1, 0]])
def test_labels_outside_the_classes_are_refused(label):
    with pytest.raises(TidemarkError, match="3 classes"):
        class_weights(np.array(label), 3)


@given(LABELS, RATIOS, st.integers(0, 100))
def test_undersampling_keeps_small_classes_whole_and_cuts_large_ones_to_the_limit(
    label, ratio, seed
):
    kept = undersample(label, seed=seed, ratio=ratio)

    before, after = np.bincount(label, minlength=5), np.bincount(label[kept], minlength=5)
    limit = int(ratio * before[before > 0].min())
    assert after.tolist() == np.minimum(before, limit).tolist()
    assert (np.diff(kept) > 0).all()


def test_the_seed_decides_which_rows_are_kept():
    label = np.array([0] * 100 + [1] * 10)

    first, again, other = (undersample(label, seed=seed) for seed in (1, 1, 2))

    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


def test_undersampling_no_rows_keeps_none():
    assert undersample(np.array([], int), seed=1).tolist() == []


@pytest.mark.parametrize("ratio", [0.5, float("nan")])
def test_a_ratio_below_one_is_refused(ratio):
    with pytest.raises(TidemarkError, match="ratio"):
        undersample(np.array([0, 1]), seed=1, ratio=ratio)
    with pytest.raises(TidemarkError, match="ratio"):
        class_weights(np.array([0, 1]), 2, ratio=ratio)
