"""What Dagster shows of an evaluation and a verdict."""

import base64
from datetime import UTC, datetime

import dagster as dg
import numpy as np
import pytest

from ml_assets.assets.evaluation_checks import (
    evaluation_check_results,
    evaluation_check_specs,
)
from ml_assets.assets.metadata import (
    evaluation_metadata,
    evaluation_plots,
    folds_metadata,
    image,
    intervals_metadata,
    verdict_metadata,
)
from ml_assets.bootstrap import Interval
from ml_assets.evaluation import Evaluation, Subject
from ml_assets.folds import CrossValidation, FoldResult
from ml_assets.gate import Criterion, Verdict
from ml_assets.spec.document import ModelSpec

_GOOD = np.array([[0.9, 0.1], [0.2, 0.8]])
_BAD = np.array([[0.6, 0.4], [0.7, 0.3]])


SPEC = ModelSpec.model_validate(
    {
        "name": "m",
        "task": "classification",
        "table": "t",
        "entity_key": "id",
        "event_time": "at",
        "label": {"column": "kind", "classes": ["a", "b"]},
        "features": {"numeric": ["size"]},
        "algorithm": {"name": "lightgbm"},
    }
)


def _evaluation(without_balancing=None) -> Evaluation:
    intervals = {"macro_f1": Interval(1.0, 0.75, 1.0, 0.95)}
    subjects = {
        name: Subject(name, version, values, intervals)
        for name, version, values in (("challenger", 3, _GOOD), ("baseline", 1, _BAD))
    }
    return Evaluation(
        rows=2,
        subjects=subjects,
        comparable=np.array([True, False]),
        label=np.array([0, 1]),
        event_time=np.array(["2026-01-01", "2026-01-02"], "datetime64[us]"),
        without_balancing=without_balancing,
    )


def test_metrics_stand_side_by_side_with_their_intervals():
    metadata = evaluation_metadata(SPEC, _evaluation())
    assert metadata["metrics"].value.splitlines() == [
        "| metric | challenger | baseline |",
        "|---|---|---|",
        "| macro_f1 | 1.0000 [0.7500, 1.0000] | 1.0000 [0.7500, 1.0000] |",
    ]
    assert (metadata["holdout_rows"], metadata["rows_that_neither_has_seen"]) == (2, 1)
    assert metadata["macro_f1"] == 1.0
    assert "effect_of_balancing" not in metadata


def test_the_effect_of_balancing_is_a_table_of_both():
    table = evaluation_metadata(SPEC, _evaluation(_BAD))["effect_of_balancing"].value
    assert "| accuracy | 1.0000 | 0.5000 |" in table
    assert "| recall of b | 1.0000 | 0.0000 |" in table


@pytest.mark.parametrize(("passed", "word"), [(True, "yes"), (False, "**no**")])
def test_a_verdict_is_shown_criterion_by_criterion(passed, word):
    criterion = Criterion("log_loss", passed, 0.25, None, None, 0.5, "lower is better")
    metadata = verdict_metadata(Verdict(promoted=passed, reason="why", criteria=(criterion,)))
    assert (metadata["promoted"], metadata["reason"]) == (passed, "why")
    assert (
        f"| log_loss | {word} | 0.2500 | 0.5000 | lower is better |" in metadata["criteria"].value
    )


def test_an_image_is_in_the_page_itself():
    text = image("drift", b"png").value
    assert text == f"![drift](data:image/png;base64,{base64.b64encode(b'png').decode()})"


FORECAST = ModelSpec.model_validate(
    {
        "name": "f",
        "task": "forecast",
        "table": "t",
        "entity_key": "id",
        "event_time": "at",
        "label": {"column": "next"},
        "forecast": {"anchor": "now", "horizon": 1},
        "features": {"numeric": ["past"]},
        "algorithm": {"name": "lightgbm"},
    }
)


def _forecasts(held: float) -> Evaluation:
    intervals = {
        "mean_absolute_error": Interval(0.25, 0.2, 0.3, 0.95),
        "interval_coverage": Interval(held, held - 0.02, held + 0.02, 0.95),
        "interval_width": Interval(0.5, 0.5, 0.5, 0.95),
    }
    output = np.array([[0.1, -0.2, 0.4], [0.0, -0.3, 0.3]])
    return Evaluation(
        rows=2,
        subjects={
            name: Subject(name, version, output, intervals)
            for name, version in (("challenger", 2), ("baseline", None))
        },
        comparable=np.array([True, True]),
        label=np.array([0.2, -0.1]),
        event_time=np.array(["2026-01-01", "2026-01-02"], "datetime64[us]"),
        without_balancing=None,
        anchor=np.array([17.0, 17.2]),
    )


def test_measured_coverage_stands_beside_what_was_asked():
    table = intervals_metadata(FORECAST, _forecasts(0.875))["intervals"].value
    assert "| challenger | 90% | 87.5% [85.5%, 89.5%] | 0.5000 |" in table
    assert intervals_metadata(SPEC, _evaluation()) == {}


@pytest.mark.parametrize(("held", "passed"), [(0.875, True), (0.7, False), (1.0, False)])
def test_intervals_that_hold_too_few_or_too_many_are_told(held, passed):
    evaluation = _forecasts(held)
    (result,) = evaluation_check_results(
        FORECAST, evaluation, evaluation_plots(FORECAST, evaluation)
    )
    assert (result.check_name, result.passed) == ("intervals_hold", passed)
    assert f"Intervals for 90.0% of the labels hold {held:.1%}" in result.description


@pytest.mark.parametrize(
    ("spec", "checks"), [(SPEC, ["beats_baseline"]), (FORECAST, ["intervals_hold"])]
)
def test_a_forecast_that_loses_is_no_failed_check(spec, checks):
    assert [check.name for check in evaluation_check_specs(spec, dg.AssetKey("e"))] == checks


def test_a_forecast_is_drawn_as_levels_and_beside_the_random_walk():
    evaluation = _forecasts(0.9)
    plots = evaluation_plots(FORECAST, evaluation)
    assert list(plots) == ["predictions", "gain_over_baseline", "errors"]


def test_folds_are_a_table_with_the_baseline_in_brackets():
    times = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 6, 30, tzinfo=UTC))
    folds = tuple(
        FoldResult(rows, 50, times, {"theils_u": 1.25}, {"theils_u": 1.0}) for rows in (100, 1150)
    )
    found = folds_metadata(CrossValidation("theils_u", folds))
    assert found["cross_validation_theils_u"] == "1.2500 ± 0.0000 over 2 folds"
    assert (
        "| 2 | 1,150 rows | 50 rows, 2020-01-01 to 2020-06-30 | 1.2500 (1.0000) |"
        in found["folds"].value
    )
