"""Intervals of a series' metrics are as wide as overlapping forecasts make them."""

import numpy as np
import pytest

from ml_assets.bootstrap import bootstrap_metrics
from ml_assets.targets.quantities import QuantityTarget
from ml_assets.time_blocks import time_blocks


@pytest.mark.parametrize(
    ("rows", "horizon", "blocks", "longest"), [(1700, 1, 142, 12), (1700, 21, 41, 42), (1, 5, 1, 1)]
)
def test_blocks_are_twice_the_horizon_or_the_cube_root_of_the_rows(rows, horizon, blocks, longest):
    found = time_blocks(rows, horizon=horizon)
    assert (len(np.unique(found)), int(np.bincount(found).max())) == (blocks, longest)
    assert (np.diff(found) >= 0).all()


def test_overlapping_forecasts_make_the_interval_wider():
    """Errors summed over 20 rows: their mean varies by about the root of 20 more."""
    random = np.random.default_rng(8)
    label = np.convolve(random.normal(size=2019), np.ones(20), "valid")
    output = np.column_stack([np.zeros(2000), np.full(2000, -9.0), np.full(2000, 9.0)])
    widths = []
    for groups in (None, time_blocks(2000, horizon=20)):
        found = bootstrap_metrics(
            label, output, target=QuantityTarget(20), groups=groups, replicates=300, seed=1
        )["mean_absolute_error"]
        widths.append(found.high - found.low)
    assert 2.0 < widths[1] / widths[0] < 6.0
