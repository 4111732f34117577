import math
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml_assets.frames import FeatureColumns
from ml_assets.monitoring.binning import lay_bins, numeric_edges
from ml_assets.monitoring.counting import BinnedGroup, count_bins
from ml_assets.monitoring.distributions import FeatureBins

ROWS = "from rows"
# One engine for all: `rows` is replaced by each test.
ENGINE = duckdb.connect()
ENGINE.execute("set TimeZone = 'UTC'")


def put(**columns: Any) -> None:
    types = {
        "n": pa.float64(), "c": pa.string(), "t": pa.string(), "segment": pa.string(),
        "b": pa.bool_(), "d": pa.decimal128(10, 2),
    }  # fmt: skip
    arrays = {name: pa.array(values, types.get(name)) for name, values in columns.items()}
    ENGINE.register("rows", pa.table(arrays))


def count(*bins: FeatureBins, **options: Any) -> list[BinnedGroup]:
    options = {"segments": {}, "parameters": {}} | options
    return count_bins(ENGINE, bins, rows=ROWS, **options)


def lay(**columns: tuple[str, ...]) -> tuple[FeatureBins, ...]:
    kinds = {"text": (), "categorical": (), "numeric": ()} | columns
    return lay_bins(ENGINE, FeatureColumns(**kinds), rows=ROWS, sample=ROWS, parameters={})


numbers = st.one_of(
    st.none(), st.floats(allow_nan=True, allow_infinity=True), st.integers(-5, 5).map(float)
)


def expected_counts(values: list[float | None], edges: tuple[float, ...]) -> tuple[int, ...]:
    finite = [value for value in values if value is not None and math.isfinite(value)]
    # The first bin whose upper edge is not below the value: right-closed.
    places = np.searchsorted(np.asarray([*edges, math.inf]), finite, side="left")
    counted = np.bincount(places, minlength=len(edges) + 1)
    return (*(int(n) for n in counted), len(values) - len(finite))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(numbers, min_size=1), st.lists(numbers, min_size=1))
def test_every_row_is_in_exactly_the_bin_that_its_value_belongs_to(
    before: list[float | None], after: list[float | None]
) -> None:
    put(n=before)
    (bins,) = lay(numeric=("n",))
    put(n=after)
    (group,) = count(bins)
    assert group.features[0].counts == expected_counts(after, bins.edges)
    assert sum(group.features[0].counts) == group.rows == len(after)
    assert len(group.features[0].counts) == bins.n_bins


@given(st.lists(st.floats(-1e9, 1e9), min_size=1))
def test_no_row_that_laid_the_bins_is_out_of_their_range(values: list[float]) -> None:
    edges = numeric_edges(sorted(values), low=min(values), high=max(values))
    counts = expected_counts(list(values), edges)
    assert counts[0] == counts[-2] == counts[-1] == 0
    assert list(edges) == sorted(set(edges))


def test_many_values_get_deciles_and_few_get_a_bin_each() -> None:
    put(n=[float(i) for i in range(1000)])
    (bins,) = lay(numeric=("n",))
    assert len(bins.edges) == 11
    assert count(bins)[0].features[0].counts == (0, *[100] * 10, 0, 0)
    put(n=[1.0] * 90 + [2.0] * 9 + [7.0])
    (bins,) = lay(numeric=("n",))
    assert count(bins)[0].features[0].counts == (0, 90, 9, 1, 0, 0)


def test_a_constant_that_moves_to_either_side_leaves_its_bin() -> None:
    put(n=[0.1, 0.1, None])
    (bins,) = lay(numeric=("n",))
    put(n=[0.1, math.nextafter(0.1, 0), math.nextafter(0.1, 1), -3.0, 3.0])
    assert count(bins)[0].features[0].counts == (2, 1, 2, 0)


def test_range_is_that_of_the_finite_values() -> None:
    put(n=[3.0, math.inf, math.nan, None, -2.0])
    (group,) = count(FeatureBins("n", "n", "numeric", edges=(0.0,)))
    assert (group.features[0].minimum, group.features[0].maximum) == (-2.0, 3.0)
    assert group.features[0].counts == (1, 1, 3)


def test_all_null_columns_have_a_bin_for_values_that_come_later() -> None:
    put(n=[None, None], c=[None, None])
    bins = lay(numeric=("n",), categorical=("c",))
    assert [one.n_bins for one in bins] == [2, 2]
    assert [feature.counts for feature in count(*bins)[0].features] == [(0, 2), (0, 2)]
    put(n=[1.0, None, None], c=["a", "b", None])
    assert [feature.counts for feature in count(*bins)[0].features] == [(2, 1), (1, 2)]


def test_categories_count_others_first_and_nulls_last() -> None:
    put(c=["b", "a", "b", None, ""])
    (bins,) = lay(categorical=("c",))
    assert bins.values == ("b", "", "a")
    put(c=["a", "new", "newer", None, "b", "b"])
    assert count(bins)[0].features[0].counts == (2, 2, 0, 1, 1)


def test_only_the_most_frequent_categories_have_a_bin() -> None:
    put(c=[f"v{i:03}" for i in range(80)] + ["v079"])
    (bins,) = lay(categorical=("c",))
    assert len(bins.values) == 50
    assert bins.values[0] == "v079"


def test_booleans_count_as_categories_and_as_numbers() -> None:
    put(b=[True, False, True, None])
    as_category, as_number = lay(categorical=("b",)), lay(numeric=("b",))
    assert as_category[0].values == ("true", "false")
    assert count(*as_category)[0].features[0].counts == (0, 2, 1, 1)
    assert count(*as_number)[0].features[0].counts == (0, 1, 2, 0, 1)


def test_texts_are_watched_by_their_length_in_characters() -> None:
    put(t=["", "ñandú", None])
    (bins,) = lay(text=("t",))
    assert bins.name == "length(t)"
    (group,) = count(bins)
    assert (group.features[0].minimum, group.features[0].maximum) == (0.0, 5.0)
    assert group.features[0].counts[-1] == 1


def test_segments_are_counted_beside_all_rows_and_unknown_values_are_not_apart() -> None:
    put(n=[1.0, 1.0, 9.0, 9.0], segment=["a", "b", None, "rare"])
    groups = count(
        FeatureBins("n", "n", "numeric", edges=(5.0,)),
        segments={"segment": ["a", "b", "(missing)"]},
    )
    found = {group.segment: (group.rows, group.features[0].counts) for group in groups}
    assert found == {
        "all": (4, (2, 2, 0)),
        "segment=a": (1, (1, 0, 0)),
        "segment=b": (1, (1, 0, 0)),
        "segment=(missing)": (1, (0, 1, 0)),
    }


def test_several_segment_columns_are_counted_one_by_one_not_crossed() -> None:
    put(c=["x", "x", "y"], segment=["a", "b", "b"])
    groups = count(
        FeatureBins("c", "c", "categorical", values=("x",)),
        segments={"c": ["x", "y"], "segment": ["a", "b"]},
    )
    assert Counter({group.segment: group.rows for group in groups}) == {
        "all": 3, "c=x": 2, "c=y": 1, "segment=a": 1, "segment=b": 2,
    }  # fmt: skip


def test_windows_start_at_midnight_utc_on_the_first() -> None:
    times = ["2025-01-31T23:59:59+00:00", "2025-02-01T00:00:00+00:00"]
    put(n=[1.0, 2.0], at=pa.array([datetime.fromisoformat(one) for one in times]))
    groups = count_bins(
        ENGINE,
        [FeatureBins("n", "n", "numeric", edges=(1.0,))],
        rows='select n, "at" as happened_at from rows',
        parameters={},
        segments={},
        window="date_trunc('month', happened_at)",
    )
    assert [(group.window_start, group.rows) for group in groups] == [
        (datetime(2025, 1, 1, tzinfo=UTC), 1),
        (datetime(2025, 2, 1, tzinfo=UTC), 1),
    ]


def test_names_and_values_with_quotes_are_data() -> None:
    ENGINE.register("rows", pa.table({"a\"'b": ["x'y", 'x"y'], "s '\"": ["'", '"']}))
    bins = FeatureBins("f", "a\"'b", "categorical", values=("x'y",))
    groups = count(bins, segments={"s '\"": ["'"]})
    assert {group.segment: group.features[0].counts for group in groups} == {
        "all": (1, 1, 0),
        "s '\"='": (0, 1, 0),
    }


@pytest.mark.parametrize("inner", [None, [], [None, None]])
def test_no_values_make_no_edges(inner: list[None] | None) -> None:
    assert numeric_edges(inner, low=None, high=None) == ()


def test_no_rows_make_no_groups() -> None:
    put(n=[])
    assert count(FeatureBins("n", "n", "numeric", edges=(1.0,))) == []
