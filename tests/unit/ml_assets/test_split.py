import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lakehouse.errors import TidemarkError
from ml_assets.split import chance_holdout_split, group_k_folds, time_holdout_split

DAY = np.timedelta64(1, "D")
START = np.datetime64("2025-01-01", "us")


def _times(days):
    return START + np.array(days, int) * DAY


def _split(days, groups=None, **options):
    groups = np.arange(len(days)) if groups is None else np.array(groups)
    return time_holdout_split(_times(days), groups, **options)


@st.composite
def _rows(draw):
    n = draw(st.integers(2, 60))
    days = draw(st.lists(st.integers(0, 20), min_size=n, max_size=n))
    groups = draw(st.lists(st.integers(0, 25), min_size=n, max_size=n))
    return np.array(days), np.array(groups)


@given(_rows(), st.floats(0.01, 0.99))
def test_no_leak_and_no_row_lost(rows, share):
    days, groups = rows
    try:
        split = _split(days, groups, holdout=share)
    except TidemarkError:
        assume(False)

    excluded = split.role == "excluded"
    assert set(groups[split.train]).isdisjoint(groups[split.holdout])
    assert set(groups[excluded]) <= set(groups[split.train])
    assert days[split.train].max() < days[~split.train].min()
    assert (_times(days)[split.train] < split.cutoff).all()
    assert (_times(days)[~split.train] >= split.cutoff).all()
    assert split.n_train + split.n_holdout + split.n_excluded == len(days)
    assert (split.n_train, split.n_holdout) == (split.train.sum(), split.holdout.sum())
    assert split.n_excluded == excluded.sum()


@pytest.mark.parametrize(
    ("days", "share", "holdout"),
    [
        (range(10), 0.2, 2),
        (range(10), 0.01, 1),
        (range(10), 0.99, 9),
        (range(2), 0.5, 1),
        ([0, 1, 1, 1, 1, 2], 0.3, 1),  # 1 of 6 is nearer to 0.3 than 5 of 6
        ([0, 1, 1, 1, 1, 2], 0.6, 5),
        ([0, 1, 1, 2], 0.5, 3),  # 1 and 3 of 4 are equally near: the larger
    ],
)
def test_the_cutoff_is_the_time_whose_share_is_nearest(days, share, holdout):
    assert _split(list(days), holdout=share).n_holdout == holdout


def test_rows_at_the_cutoff_are_held_out_in_any_order_of_rows():
    split = _split([3, 1, 2, 2], cutoff=START + 2 * DAY)

    assert split.role.tolist() == ["holdout", "train", "holdout", "holdout"]
    assert split.cutoff == START + 2 * DAY


def test_a_cutoff_in_days_is_the_start_of_the_day():
    split = _split([0, 1], cutoff=np.datetime64("2025-01-02"))

    assert split.role.tolist() == ["train", "holdout"]
    assert split.cutoff.dtype == "datetime64[us]"


def test_late_near_duplicates_of_training_rows_are_excluded_and_early_ones_kept():
    split = _split([0, 1, 2, 3, 4], groups=[5, 6, 5, 7, 7], cutoff=START + 2 * DAY)

    assert split.role.tolist() == ["train", "train", "excluded", "holdout", "holdout"]


def test_times_of_another_unit_are_taken():
    split = time_holdout_split(_times([0, 1]).astype("datetime64[ms]"), np.arange(2), holdout=0.5)

    assert split.role.tolist() == ["train", "holdout"]


@pytest.mark.parametrize(
    ("days", "groups", "options", "message"),
    [
        ([0, 1], None, {"cutoff": START}, "leaves 0 rows for training"),
        ([0, 1], None, {"cutoff": START + 5 * DAY}, "0 as hold-out"),
        ([0, 1], [4, 4], {"holdout": 0.5}, r"0 as hold-out \(1 left out"),
        ([], None, {"cutoff": START}, "nowhere: there are no rows"),
        ([], None, {"holdout": 0.5}, "0 rows at 0 different times"),
        ([3, 3], None, {"holdout": 0.5}, "2 rows at 1 different times"),
        ([0, 1], None, {"holdout": 0.0}, "hold-out of 0.0"),
        ([0, 1], None, {"holdout": 1.0}, "hold-out of 1.0"),
        ([0, 1], None, {}, "one of them"),
        ([0, 1], None, {"holdout": 0.5, "cutoff": START}, "one of them"),
        ([0, 1], [1, 2, 3], {"holdout": 0.5}, "2 times, 0 of them missing, 3 groups"),
    ],
)
def test_a_split_that_cannot_be_is_refused(days, groups, options, message):
    with pytest.raises(TidemarkError, match=message):
        _split(days, groups, **options)


def test_a_missing_time_is_refused():
    times = np.append(_times([0, 1]), np.datetime64("NaT"))
    with pytest.raises(TidemarkError, match="1 of them missing"):
        time_holdout_split(times, np.arange(3), holdout=0.5)


@given(_rows(), st.floats(0.01, 0.99), st.integers(0, 50))
def test_a_hold_out_by_chance_divides_no_group_and_has_its_share(rows, share, seed):
    days, groups = rows
    try:
        split = chance_holdout_split(_times(days), groups, holdout=share, seed=seed)
    except TidemarkError:
        assume(False)

    assert set(groups[split.train]).isdisjoint(groups[split.holdout])
    assert split.n_train + split.n_holdout == len(days)
    largest = np.unique(groups, return_counts=True)[1].max()
    assert share * len(days) <= split.n_holdout < share * len(days) + largest
    assert (_times(days) < split.cutoff).all()
    again = chance_holdout_split(_times(days), groups, holdout=share, seed=seed)
    assert (again.role == split.role).all()


def test_one_group_cannot_be_held_out_by_chance():
    with pytest.raises(TidemarkError, match="there are 1 groups of near duplicates"):
        chance_holdout_split(_times([0, 0]), np.array([3, 3]), holdout=0.5, seed=7)


@given(_rows(), st.integers(2, 6), st.integers(0, 50))
def test_groups_stay_whole_and_no_fold_is_empty(rows, folds, seed):
    label, groups = rows
    assume(len(np.unique(groups)) >= folds)

    fold = group_k_folds(groups, label, folds=folds, seed=seed)

    assert fold.dtype == np.int8
    assert set(fold) == set(range(folds))
    for name in np.unique(groups):
        assert len(set(fold[groups == name])) == 1
    assert fold.tolist() == group_k_folds(groups, label, folds=folds, seed=seed).tolist()


@given(st.lists(st.integers(0, 4), min_size=5, max_size=200), st.integers(2, 5))
def test_single_rows_are_spread_evenly_in_total_and_by_class(label, folds):
    fold = group_k_folds(np.arange(len(label)), np.array(label), folds=folds, seed=1)

    by_class = np.array(
        [np.bincount(np.array(label)[fold == f], minlength=5) for f in range(folds)]
    )
    assert (np.ptp(by_class, axis=0) <= 1).all()
    assert np.ptp(by_class.sum(axis=1)) <= 1


def test_large_groups_are_balanced_by_single_rows():
    groups = np.concatenate([np.zeros(30, int), np.arange(1, 71)])
    label = np.concatenate([np.ones(30, int), np.tile([0, 1], 35)])

    fold = group_k_folds(groups, label, folds=3, seed=2)

    counts = np.array([np.bincount(label[fold == f], minlength=2) for f in range(3)])
    assert np.ptp(counts[:, 0]) <= 1
    assert sorted(counts[:, 1]) == [17, 18, 30]


def test_what_does_not_divide_evenly_goes_to_the_fold_of_fewest_rows():
    # A pair of class 1 in one fold and a row of class 0 in the other; then three of class 1.
    fold = group_k_folds(
        np.array([0, 0, 1, 2, 3, 4]), np.array([1, 1, 0, 1, 1, 1]), folds=2, seed=1
    )

    assert np.bincount(fold).tolist() == [3, 3]


def test_groups_of_one_class_go_to_different_folds():
    groups = np.repeat(np.arange(6), 5)
    label = np.repeat([0, 0, 0, 1, 1, 1], 5)

    fold = group_k_folds(groups, label, folds=3, seed=3)

    for f in range(3):
        assert np.bincount(label[fold == f]).tolist() == [5, 5]


def test_the_seed_decides_the_folds():
    arguments = np.arange(50), np.zeros(50, int)

    first, other = (group_k_folds(*arguments, folds=5, seed=seed).tolist() for seed in (1, 2))

    assert first != other


@pytest.mark.parametrize(("groups", "folds"), [(5, 1), (2, 3), (0, 2), (200, 128)])
def test_numbers_of_folds_that_cannot_be_are_refused(groups, folds):
    with pytest.raises(TidemarkError, match=f"{groups} groups"):
        group_k_folds(np.arange(groups), np.zeros(groups, int), folds=folds, seed=1)


def test_as_many_folds_as_groups():
    assert sorted(group_k_folds(np.arange(127), np.zeros(127, int), folds=127, seed=1)) == list(
        range(127)
    )


def test_rows_whose_label_stands_in_the_holdout_are_purged():
    split = _split(range(10), holdout=0.3, horizon=2)
    assert split.role.tolist() == ["train"] * 5 + ["purged"] * 2 + ["holdout"] * 3
    assert (split.n_train, split.n_purged, split.n_excluded) == (5, 2, 0)


def test_the_horizon_counts_times_not_rows():
    split = _split([0, 0, 1, 1, 2, 2, 3], holdout=0.1, horizon=1)
    assert split.role.tolist() == ["train"] * 4 + ["purged"] * 2 + ["holdout"]


@pytest.mark.parametrize(("delay", "purged"), [(0, 0), (1, 0), (2, 1), (4, 3)])
def test_rows_whose_label_came_after_the_cutoff_are_purged(delay, purged):
    assert _split(range(10), holdout=0.3, delay_days=delay).n_purged == purged


def test_a_horizon_longer_than_the_past_leaves_nothing_to_train_on():
    with pytest.raises(TidemarkError, match="0 rows for training .* 7 because their label"):
        _split(range(10), holdout=0.3, horizon=20)


@given(_rows(), st.floats(0.05, 0.9), st.integers(0, 5), st.integers(0, 5))
def test_every_training_label_was_known_before_the_cutoff(rows, share, horizon, delay):
    days, groups = rows
    try:
        split = _split(days, groups, holdout=share, horizon=horizon, delay_days=delay)
    except TidemarkError:
        assume(False)
    cutoff = (split.cutoff - START) // DAY
    for day in days[split.train]:
        assert day + delay <= cutoff
        assert len(np.unique(days[(days > day) & (days < cutoff)])) >= horizon
    # A near duplicate of a purged row may be judged on: nothing was trained on it.
    assert set(groups[split.train]).isdisjoint(groups[split.holdout])
    assert len(days) == split.n_train + split.n_purged + split.n_holdout + split.n_excluded
