from datetime import UTC, datetime

import numpy as np
import pytest

from ml_assets.monitoring.counting import BinnedFeature, BinnedGroup
from ml_assets.monitoring.distributions import Distribution, FeatureBins
from ml_assets.monitoring.drift_rows import drift_rows, judge, out_of_range
from ml_assets.monitoring.recording import Measurement
from ml_assets.spec.operating_sections import Monitors

MAY = datetime(2025, 5, 1, tzinfo=UTC)
BINS = (FeatureBins("n", "n", "numeric", edges=(0.0, 1.0, 2.0)),)
REFERENCE = Distribution(
    bins=BINS,
    rows={"all": 1000, "s=a": 500},
    counts={"all": ((0, 500, 500, 0, 0),), "s=a": ((0, 250, 250, 0, 0),)},
)
MEASUREMENT = Measurement("m", 2, datetime(2025, 6, 1, tzinfo=UTC), "run")


def group(segment: str, *counts: int, window: datetime | None = MAY) -> BinnedGroup:
    return BinnedGroup(window, segment, sum(counts), (BinnedFeature(counts, -1.0, 2.5),))


def test_psi_at_the_limit_is_not_drift() -> None:
    psi = judge([500, 500], [600, 400], Monitors(), comparisons=1).psi
    assert psi > judge([500, 500], [600, 400], Monitors(), comparisons=1).noise_limit
    assert not judge([500, 500], [600, 400], Monitors(psi=psi), comparisons=1).drifted
    assert judge([500, 500], [600, 400], Monitors(psi=psi * 0.999), comparisons=1).drifted


def test_equal_shares_have_no_distance() -> None:
    judgement = judge([50, 50], [500, 500], Monitors(), comparisons=1)
    assert judgement.js_distance == 0.0
    assert judgement.psi == pytest.approx(0.0, abs=1e-6)


def test_a_move_within_noise_is_not_drift_however_low_the_limit_of_the_spec() -> None:
    monitors = Monitors(psi=1e-6, min_rows=100)
    judgement = judge([50_000, 50_000], [110, 90], monitors, comparisons=30)
    assert judgement.threshold == judgement.noise_limit > judgement.psi
    assert not judgement.drifted


def test_more_comparisons_and_fewer_rows_make_the_noise_limit_wider() -> None:
    one = judge([500, 500], [500, 500], Monitors(), comparisons=1).noise_limit
    assert judge([500, 500], [500, 500], Monitors(), comparisons=40).noise_limit > one
    assert judge([500, 500], [50, 50], Monitors(), comparisons=1).noise_limit > one


@pytest.mark.parametrize(("reference", "current"), [(199, 1000), (1000, 199)])
def test_too_few_rows_on_either_side_are_not_judged(reference: int, current: int) -> None:
    judgement = judge([reference, 0], [0, current], Monitors(min_rows=200), comparisons=1)
    assert judgement.threshold is None
    assert not judgement.drifted
    assert judgement.psi > 1


def test_exactly_enough_rows_are_judged() -> None:
    assert judge([200, 0], [0, 200], Monitors(min_rows=200), comparisons=1).drifted


def test_one_bin_on_both_sides_is_no_drift() -> None:
    judgement = judge([300, 0], [900, 0], Monitors(), comparisons=1)
    assert (judgement.psi, judgement.noise_limit, judgement.drifted) == (0.0, 0.0, False)


def test_false_alarms_over_many_features_are_as_rare_as_alpha_promises() -> None:
    random = np.random.default_rng(11)
    features, windows, alpha = 20, 400, 0.05
    monitors = Monitors(psi=1e-9, alpha=alpha)
    alarms = 0
    for _ in range(windows):
        reference = random.multinomial(2000, [0.1] * 10, size=features)
        current = random.multinomial(600, [0.1] * 10, size=features)
        alarms += any(
            judge(list(before), list(after), monitors, comparisons=features).drifted
            for before, after in zip(reference, current, strict=True)
        )
    # 20 are expected; a binomial count stays below 36 with probability 0.9996.
    assert alarms <= 36


def test_a_row_says_what_was_counted() -> None:
    (row,) = drift_rows(
        [group("all", 3, 10, 480, 7, 5)],
        REFERENCE,
        Monitors(),
        kind="feature",
        measurement=MEASUREMENT,
    )
    assert (row.model, row.model_version, row.run_id, row.kind) == ("m", 2, "run", "feature")
    assert (row.window_start, row.window_end) == (MAY, datetime(2025, 6, 1, tzinfo=UTC))
    assert (row.rows, row.reference_rows, row.nulls, row.out_of_range) == (505, 1000, 5, 10)
    assert (row.minimum, row.maximum) == (-1.0, 2.5)
    assert row.drifted


def test_segments_that_are_small_or_unknown_are_left_out_but_all_rows_never() -> None:
    groups = [
        group("all", 0, 5, 5, 0, 0),
        group("s=a", 0, 99, 100, 0, 0),
        group("s=new", 0, 500, 500, 0, 0),
    ]
    rows = drift_rows(groups, REFERENCE, Monitors(), kind="feature", measurement=MEASUREMENT)
    assert [(row.segment, row.rows, row.threshold) for row in rows] == [("all", 10, None)]
    enough = drift_rows(
        [group("s=a", 0, 100, 100, 0, 0)],
        REFERENCE,
        Monitors(),
        kind="feature",
        measurement=MEASUREMENT,
    )
    assert [row.reference_rows for row in enough] == [500]


def test_rows_without_a_time_are_in_no_window() -> None:
    groups = [group("all", 0, 500, 500, 0, 0, window=None)]
    assert drift_rows(groups, REFERENCE, Monitors(), kind="feature", measurement=MEASUREMENT) == []


@pytest.mark.parametrize(
    ("bins", "counts", "outside"),
    [
        (FeatureBins("c", "c", "categorical", values=("a",)), (4, 5, 6), 4),
        (FeatureBins("n", "n", "numeric"), (4, 6), 4),
        (FeatureBins("n", "n", "text_length", edges=(1.0,)), (4, 5, 6), 9),
    ],
)
def test_out_of_range_leaves_nulls_out(
    bins: FeatureBins, counts: tuple[int, ...], outside: int
) -> None:
    assert out_of_range(bins, counts) == outside
