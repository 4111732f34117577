from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ml_assets.bootstrap import Interval
from ml_assets.monitoring.distributions import Distribution, ModelReference
from ml_assets.monitoring.performance import (
    PerformanceRow,
    degraded,
    performance_rows,
    worst_allowed,
)
from ml_assets.monitoring.recording import Measurement
from ml_assets.spec.document import ModelSpec
from ml_assets.spec.operating_sections import PerformanceMonitor

MAY = datetime(2025, 5, 1, tzinfo=UTC)
MEASUREMENT = Measurement("m", 2, MAY, "run")
EMPTY = Distribution((), {}, {})
REFERENCE = ModelReference(
    cutoff=MAY,
    known_until=MAY,
    segments={"language": ("en", "(missing)")},
    features=EMPTY,
    predictions=EMPTY,
    metrics={
        "all": {"accuracy": 0.9, "mean_absolute_error": 0.1},
        "language=en": {"accuracy": 0.9},
    },
)


def spec(**monitors: Any) -> ModelSpec:
    return ModelSpec.model_validate(
        {
            "name": "m",
            "task": "ordinal",
            "table": "t",
            "entity_key": "id",
            "event_time": "at",
            "label": {"column": "stars", "classes": [1, 2, 3]},
            "features": {"text": ["body"]},
            "segments": ["language"],
            "algorithm": {"name": "linear_text"},
            "monitors": {"min_rows": 50} | monitors,
        }
    )


def scored(n: int, *, wrong: int, language: str | None = "en") -> pa.Table:
    label = np.ones(n, dtype=np.int64)
    label[:wrong] = 2
    return pa.table(
        {
            "stars": label,
            "probabilities": pa.array([[0.8, 0.1, 0.1]] * n, pa.list_(pa.float64())),
            "language": pa.array([language] * n, pa.string()),
        }
    )


def measured(table: pa.Table, spec: ModelSpec) -> dict[tuple[str, str], PerformanceRow]:
    rows = performance_rows(table, spec, REFERENCE, MAY, measurement=MEASUREMENT)
    return {(row.segment, row.metric): row for row in rows}


def test_values_are_those_of_the_rows_and_the_watched_metric_is_judged() -> None:
    rows = measured(scored(200, wrong=50), spec())
    row = rows["all", "accuracy"]
    assert (row.value, row.rows, row.reference_value) == (0.75, 200, 0.9)
    assert row.threshold == pytest.approx(0.85)
    assert row.low < 0.75 < row.high
    assert row.degraded
    assert rows["all", "mean_absolute_error"].value == 0.25
    assert rows["all", "mean_absolute_error"].threshold is None
    assert not rows["all", "mean_absolute_error"].degraded
    assert rows["language=en", "accuracy"].degraded


def test_an_error_that_rises_is_a_degradation() -> None:
    watched = spec(performance={"metric": "mean_absolute_error", "max_drop": 0.05})
    assert measured(scored(200, wrong=50), watched)["all", "mean_absolute_error"].degraded
    assert not measured(scored(200, wrong=0), watched)["all", "mean_absolute_error"].degraded


def test_a_drop_within_the_allowance_is_none() -> None:
    assert not measured(scored(200, wrong=28), spec())["all", "accuracy"].degraded


def test_too_few_rows_are_shown_but_not_judged() -> None:
    row = measured(scored(49, wrong=40), spec())["all", "accuracy"]
    assert (row.rows, row.threshold, row.degraded) == (49, None, False)
    assert measured(scored(50, wrong=40), spec())["all", "accuracy"].degraded


def test_small_segments_are_left_out_and_those_without_a_reference_are_not_judged() -> None:
    both = pa.concat_tables([scored(60, wrong=50), scored(49, wrong=49, language=None)])
    assert {segment for segment, _ in measured(both, spec())} == {"all", "language=en"}
    row = measured(scored(60, wrong=50, language=None), spec())["language=(missing)", "accuracy"]
    assert (row.reference_value, row.threshold, row.degraded) == (None, None, False)


@pytest.mark.parametrize("n", [0, 1])
def test_no_interval_is_made_of_less_than_two_rows(n: int) -> None:
    assert measured(scored(n, wrong=0), spec()) == {}


def test_the_interval_does_not_depend_on_the_run() -> None:
    table = scored(5000, wrong=1000)
    first, second = (measured(table, spec())["all", "accuracy"] for _ in range(2))
    assert first == second
    # Binomial: 1.96 * sqrt(0.8 * 0.2 / 5000) = 0.0111 either side.
    assert (first.high - first.low) / 2 == pytest.approx(0.0111, rel=0.15)


INTERVAL = Interval(estimate=0.70, low=0.66, high=0.74, confidence=0.95)


@pytest.mark.parametrize(
    ("reference", "max_drop", "expected"),
    [
        (0.80, 0.05, True),
        (0.75, 0.05, False),  # at the limit
        (0.75, 0.06, False),
        (0.72, 0.01, False),  # the interval holds the reference
        (0.74, 0.01, False),  # its end is the reference
        (0.7401, 0.01, True),
    ],
)
def test_degradation_needs_a_drop_and_an_interval_without_no_drop(
    reference: float, max_drop: float, expected: bool
) -> None:
    monitor = PerformanceMonitor(metric="accuracy", max_drop=max_drop)
    # The estimate is put exactly at the limit where the case says so.
    limit = worst_allowed(reference, monitor)
    interval = replace(INTERVAL, estimate=limit) if abs(limit - 0.70) < 1e-9 else INTERVAL
    assert degraded(interval, "accuracy", reference=reference, threshold=limit) is expected


def test_the_direction_of_the_metric_decides_what_is_worse() -> None:
    monitor = PerformanceMonitor(metric="mean_absolute_error", max_drop=0.05)
    assert worst_allowed(0.6, monitor) == pytest.approx(0.65)
    found = degraded(INTERVAL, "mean_absolute_error", reference=0.6, threshold=0.65)
    assert found
    assert not degraded(INTERVAL, "mean_absolute_error", reference=0.67, threshold=0.69)
