"""Splits that do not leak: hold-out by time or by chance, folds by group."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lakehouse.errors import TidemarkError

TRAIN, HOLDOUT, EXCLUDED, PURGED = "train", "holdout", "excluded", "purged"
_MOST_FOLDS = 127  # what int8 holds


@dataclass(frozen=True, eq=False)
class Split:
    """The role of each row, (n,), and the cutoff: from there on no row was trained on.

    Roles are "train", "holdout", "excluded" and "purged". Excluded are rows from the cutoff on
    whose near-duplicate group has training rows: as hold-out they would leak, and for training they
    are too late. Purged are rows before the cutoff whose label was not known by then: who trains
    at the cutoff does not have them.
    """

    role: NDArray[np.str_]
    cutoff: np.datetime64

    @property
    def train(self) -> NDArray[np.bool_]:
        """Which rows are for training, (n,)."""
        return np.equal(self.role, TRAIN)

    @property
    def holdout(self) -> NDArray[np.bool_]:
        """Which rows are for judging, (n,)."""
        return np.equal(self.role, HOLDOUT)

    @property
    def n_train(self) -> int:
        """The number of training rows."""
        return int(self.train.sum())

    @property
    def n_holdout(self) -> int:
        """The number of hold-out rows."""
        return int(self.holdout.sum())

    @property
    def n_excluded(self) -> int:
        """The number of late rows left out because they nearly repeat a training row."""
        return int(np.equal(self.role, EXCLUDED).sum())

    @property
    def n_purged(self) -> int:
        """The number of early rows left out because their label was not known at the cutoff."""
        return int(np.equal(self.role, PURGED).sum())


def time_holdout_split(
    event_time: NDArray[np.datetime64],
    groups: NDArray[np.integer],
    *,
    holdout: float | None = None,
    cutoff: np.datetime64 | None = None,
    delay_days: int = 0,
    horizon: int = 0,
) -> Split:
    """Rows before the cutoff for training, later ones as hold-out, none of them a near duplicate.

    All rows of one timestamp fall on one side. Given `holdout`, the cutoff is the timestamp in the
    data that leaves the share of rows nearest to it (the larger of two equally near), before any
    are left out.

    Source of purging: de Prado, "Advances in Financial Machine Learning", 2018, section 7.4.1.

    Args:
        event_time: UTC times of the rows, (n,), none missing.
        groups: Near-duplicate group of each row, (n,).
        holdout: Share of the newest rows, above 0 and below 1; or
        cutoff: the first time that is held out.
        delay_days: From a row's time until its label is known, 0 or more: rows whose label came
            after the cutoff are purged.
        horizon: Of a forecast, how many times of the data later the label stands, 0 or more: rows
            whose label stands at the cutoff or later are purged.

    Raises:
        TidemarkError: A side is empty, a time is missing, or not exactly one of `holdout` and
            `cutoff` is given and valid.

    >>> times = np.array(["2025-01-01", "2025-01-02", "2025-01-03", "2025-01-04"], "datetime64[us]")
    >>> split = time_holdout_split(times, np.array([0, 1, 2, 0]), holdout=0.5)
    >>> split.role.tolist(), str(split.cutoff)[:10]
    (['train', 'train', 'holdout', 'excluded'], '2025-01-03')
    """
    if event_time.shape != groups.shape or np.isnat(event_time).any():
        raise TidemarkError(
            f"A split by time needs a time and a group for each row; seen: {len(event_time)} "
            f"times, {int(np.isnat(event_time).sum())} of them missing, {len(groups)} groups.",
            hint="Rows without an event time cannot be split by time; leave them out.",
        )
    time = event_time.astype("datetime64[us]")
    if holdout is not None and cutoff is None:
        at: np.datetime64 = _cutoff(time, holdout=holdout)
    elif cutoff is not None and holdout is None:
        at = cutoff.astype("datetime64[us]")
    else:
        raise TidemarkError(
            f"A split by time needs a share or a cutoff, one of them; seen: {holdout}, {cutoff}.",
            hint="Give holdout=0.2, or cutoff=np.datetime64('2025-01-01').",
        )
    late = time >= at
    unknown = ~late & _label_unknown(time, at, delay_days=delay_days, horizon=horizon)
    leaks = late & np.isin(groups, groups[~late & ~unknown])
    role = np.select([unknown, leaks, late], [PURGED, EXCLUDED, HOLDOUT], TRAIN)
    split = Split(role, at)
    if not split.n_train or not split.n_holdout:
        raise TidemarkError(
            f"A split at {at} leaves {split.n_train} rows for training and {split.n_holdout} as "
            f"hold-out ({split.n_excluded} left out as near duplicates of training rows,"
            f" {split.n_purged} because their label came later).",
            hint=f"Choose another cutoff or share; times go from {_range(time)}.",
        )
    return split


def chance_holdout_split(
    event_time: NDArray[np.datetime64],
    groups: NDArray[np.integer],
    *,
    holdout: float,
    seed: int,
) -> Split:
    """Groups drawn by chance as hold-out until it has its share of the rows, or just more.

    For rows whose times mean nothing: where they do, a model that has seen the days around a
    row is judged too well. The cutoff is just after the newest row.

    Args:
        event_time: UTC times of the rows, (n,), none missing.
        groups: Near-duplicate group of each row, (n,).
        holdout: Share of the rows, above 0 and below 1.
        seed: Of the draw.

    Raises:
        TidemarkError: A side is empty.

    >>> times = np.full(4, np.datetime64("2025-01-01", "us"))
    >>> chance_holdout_split(times, np.array([0, 1, 2, 3]), holdout=0.25, seed=7).n_holdout
    1
    """
    _, group, size = np.unique(groups, return_inverse=True, return_counts=True)
    drawn = np.random.default_rng(seed).permutation(len(size))
    before = np.cumsum(size[drawn]) - size[drawn]
    held = drawn[before < holdout * len(groups)]
    role = np.where(np.isin(group, held), HOLDOUT, TRAIN)
    split = Split(role, event_time.astype("datetime64[us]").max() + np.timedelta64(1, "us"))
    if not split.n_train or not split.n_holdout:
        raise TidemarkError(
            f"A hold-out of {holdout:.0%} leaves {split.n_train} rows for training and"
            f" {split.n_holdout} as hold-out: there are {len(size)} groups of near duplicates.",
            hint="Needed: two groups or more, and a share that leaves some on either side.",
        )
    return split


def group_k_folds(
    groups: NDArray[np.integer], label: NDArray[np.integer], *, folds: int, seed: int
) -> NDArray[np.int8]:
    """The fold of each row, 0 to `folds` - 1, (n,): groups whole, classes spread evenly.

    Groups of several rows are dealt first, the largest first, each to the fold that has the
    fewest rows of its classes; groups of one row then even out each class. No fold is empty.

    Args:
        groups: Group of each row, (n,).
        label: Class of each row, (n,).
        folds: 2 to 127, and not more than there are groups.
        seed: Of the order among equals.

    Raises:
        TidemarkError: `folds` is out of range.

    >>> group_k_folds(np.array([0, 0, 1, 2]), np.array([0, 1, 0, 1]), folds=2, seed=1).tolist()
    [0, 0, 1, 1]
    """
    names, group, size = np.unique(groups, return_inverse=True, return_counts=True)
    if not 2 <= folds <= min(_MOST_FOLDS, len(names)):
        raise TidemarkError(
            f"{len(names)} groups cannot be dealt to {folds} folds.",
            hint=f"Take 2 to {_MOST_FOLDS} folds, and not more than there are groups.",
        )
    _, kind = np.unique(label, return_inverse=True)
    random = np.random.default_rng(seed)
    shuffled = random.permutation(len(names))
    fold_of_group = np.full(len(names), -1, np.int8)
    count = np.zeros((folds, int(kind.max()) + 1), np.int64)

    several = shuffled[size[shuffled] > 1]
    several = several[np.argsort(-size[several], kind="stable")]
    rows = np.argsort(group, kind="stable")
    first = np.cumsum(size) - size
    rarity = 1.0 / np.bincount(kind)
    for name in several:
        own = np.bincount(kind[rows[first[name] : first[name] + size[name]]], minlength=len(rarity))
        fold = int(np.lexsort((count.sum(axis=1), count @ (own * rarity)))[0])
        fold_of_group[name] = fold
        count[fold] += own

    single = shuffled[size[shuffled] == 1]
    kind_of_single = kind[rows[first[single]]]
    for place in range(len(rarity)):
        members = single[kind_of_single == place]
        added = _levelled(count[:, place], count.sum(axis=1), len(members))
        fold_of_group[members] = np.repeat(np.arange(folds), added)
        count[:, place] += added
    return fold_of_group[group]


def _label_unknown(
    time: NDArray[np.datetime64], at: np.datetime64, *, delay_days: int, horizon: int
) -> NDArray[np.bool_]:
    """Which rows' labels were not known before that time, (n,)."""
    unknown = time + np.timedelta64(delay_days, "D") > at
    if horizon:
        before = np.unique(time[time < at])
        # Fewer times than the horizon: none of them has its label yet.
        unknown |= time >= (before[-horizon:][0] if len(before) else at)
    return unknown


def _cutoff(time: NDArray[np.datetime64], *, holdout: float) -> np.datetime64:
    """The time from which on a share of the rows nearest to `holdout` lies."""
    times, count = np.unique(time, return_counts=True)
    if not 0.0 < holdout < 1.0 or len(times) < 2:
        raise TidemarkError(
            f"A hold-out of {holdout} of {len(time)} rows at {len(times)} different times cannot "
            "be.",
            hint="Needed: a share above 0 and below 1, such as 0.2, and two different times.",
        )
    held = np.cumsum(count[::-1])[::-1][1:]  # rows from the second, third ... time on
    nearest: np.datetime64 = times[1:][np.argmin(np.abs(held - holdout * len(time)))]
    return nearest


def _levelled(present: NDArray[np.int64], total: NDArray[np.int64], new: int) -> NDArray[np.int64]:
    """How many of `new` rows each fold gets so that the counts `present` end up most equal.

    What does not divide evenly goes to the folds of the fewest rows in `total`.
    """
    ascending = np.sort(present)
    width = np.arange(1, len(present) + 1)
    # The level that `new` rows reach if only the lowest 1, 2 ... folds are filled: the least is it.
    level = int(((new + np.cumsum(ascending)) // width).min())
    added = np.maximum(level - present, 0)
    low = np.flatnonzero(present + added <= level)
    spare = low[np.lexsort((low, (total + added)[low]))][: new - int(added.sum())]
    added[spare] += 1
    return added


def _range(time: NDArray[np.datetime64]) -> str:
    """First and last time in words."""
    return f"{time.min()} to {time.max()}" if len(time) else "nowhere: there are no rows"
