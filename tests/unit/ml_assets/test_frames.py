"""The one way from Arrow columns to features."""

import math

import pyarrow as pa
import pytest

from ml_assets.frames import MISSING_CATEGORY, FeatureColumns, feature_frame

COLUMNS = FeatureColumns(text=("t",), categorical=("c",), numeric=("n",))


def test_nulls_become_empty_text_a_category_and_nan():
    table = pa.table(
        {
            "n": pa.array([None, 3], pa.int16()),
            "t": pa.array([None, "a"]),
            "c": pa.array([None, True]),
            "unused": [1, 2],
        }
    )
    frame = feature_frame(COLUMNS, table)
    assert frame.columns == ["t", "c", "n"] == list(COLUMNS.all)
    assert frame.row(0)[:2] == ("", MISSING_CATEGORY)
    assert math.isnan(frame.row(0)[2])
    assert frame.row(1) == ("a", "true", 3.0)


def test_a_batch_and_no_rows_keep_the_columns():
    table = pa.table({"t": ["a"], "c": ["b"], "n": [1]})
    assert feature_frame(COLUMNS, table.to_batches()[0]).rows() == [("a", "b", 1.0)]
    empty = feature_frame(COLUMNS, table.slice(0, 0))
    assert (empty.height, empty.columns) == (0, ["t", "c", "n"])


def test_a_single_column_is_refused():
    with pytest.raises(TypeError, match="table or record batch"):
        feature_frame(COLUMNS, pa.array([1, 2]))
