"""No backtest knows what it is to forecast."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lakehouse.errors import TidemarkError
from ml_assets.backtest import backtest_folds


@given(st.integers(5, 300), st.integers(1, 8), st.integers(0, 30), st.none() | st.integers(1, 50))
def test_training_ends_a_gap_before_the_test(rows, folds, gap, window_rows):
    assume(rows // (folds + 1) > gap + 1)
    found = list(backtest_folds(rows, folds=folds, gap=gap, window_rows=window_rows))
    assert len(found) == folds
    tested = np.concatenate([test for _, test in found])
    assert tested.tolist() == list(range(int(tested[0]), rows))
    for train, test in found:
        assert len(train)
        assert train[-1] == test[0] - gap - 1
        assert window_rows is None or len(train) <= window_rows
        assert window_rows is not None or train[0] == 0


def test_too_short_a_series_is_refused():
    with pytest.raises(TidemarkError, match="too few for 5 backtests with a gap of 21"):
        list(backtest_folds(100, folds=5, gap=21))
