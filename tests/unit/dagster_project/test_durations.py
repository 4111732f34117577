"""Seconds of steps to come, out of those of past runs."""

from datetime import UTC, datetime, timedelta

import pytest

from dagster_project.durations import StepRun, estimated_seconds

_START = datetime(2026, 1, 1, tzinfo=UTC)


def _runs(*rows_and_seconds: tuple[int | None, float]) -> list[StepRun]:
    return [
        StepRun("run", "step", _START, _START + timedelta(seconds=seconds), rows)
        for rows, seconds in rows_and_seconds
    ]


def test_a_step_that_never_ran_has_no_estimate():
    assert estimated_seconds([], 10) is None
    assert estimated_seconds([], None) is None


def test_one_odd_run_does_not_move_the_estimate():
    assert estimated_seconds(_runs((None, 2), (None, 2.2), (None, 60)), None) == 2.2


def test_seconds_follow_the_rows_where_runs_of_several_sizes_tell_how():
    runs = _runs((1000, 3.0), (2000, 5.0), (4000, 9.0))
    assert estimated_seconds(runs, 10_000) == pytest.approx(21.0)
    assert estimated_seconds(runs, 0) == pytest.approx(1.0)


def test_runs_of_one_size_are_a_least_time_that_grows_with_more_rows():
    runs = _runs((1000, 4.0), (1010, 4.0))
    assert estimated_seconds(runs, 10) == 4.0
    assert estimated_seconds(runs, 10_100) == pytest.approx(40.0)


def test_more_rows_never_make_a_step_faster():
    runs = _runs((1000, 9.0), (4000, 3.0))
    assert estimated_seconds(runs, 8000) == pytest.approx(6.0)


def test_runs_without_rows_count_where_nothing_better_is_known():
    assert estimated_seconds(_runs((0, 1.0), (None, 3.0)), 500) == 2.0
    assert estimated_seconds(_runs((0, 1.0), (100, 5.0)), 100) == 5.0
