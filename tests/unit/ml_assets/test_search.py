"""The search for parameters: what is tried, chosen, recorded, and what ends it."""

import json
import math

import numpy as np
import pyarrow as pa
import pytest

from lakehouse.errors import TidemarkError
from ml_assets import search as search_module
from ml_assets.assets.metadata import search_metadata
from ml_assets.search import Trial, search_parameters, with_parameters
from ml_assets.search_plot import search_plot
from ml_assets.spec.document import ModelSpec
from ml_assets.training import fit

_RANGE = {"learning_rate": {"low": 0.01, "high": 1.0, "log": True}}


def _spec(search, **sections) -> ModelSpec:
    data = {
        "name": "costs",
        "task": "regression",
        "table": "features",
        "entity_key": "id",
        "event_time": "at",
        "label": {"column": "cost"},
        "features": {"numeric": ["x"]},
        "algorithm": {"name": "lightgbm", "parameters": {"trees": 5, "learning_rate": 0.02}},
        "split": {"holdout": 0.25},
        "search": search,
    }
    return ModelSpec.model_validate(data | sections)


def _nearness_to(best: float):
    """A metric, lower being better, that is least at a learning rate."""
    return lambda spec, fold: (
        abs(math.log(spec.algorithm.parameters.learning_rate / best)) + 0.01 * fold
    )


def test_the_spec_s_own_setting_comes_first_and_the_best_is_chosen():
    spec = _spec({"trials": 25, "parameters": _RANGE})
    found = search_parameters(spec, _nearness_to(0.3), folds=3)
    assert found.trials[0].parameters == {"learning_rate": 0.02}
    assert [trial.number for trial in found.trials] == list(range(25))
    assert found.best.mean == min(trial.mean for trial in found.trials)
    assert found.best.parameters["learning_rate"] == pytest.approx(0.3, rel=0.3)
    assert all(0.01 <= trial.parameters["learning_rate"] <= 1.0 for trial in found.trials)
    assert found.best.values == pytest.approx([found.best.values[0] + 0.01 * i for i in range(3)])


def test_a_higher_metric_wins_where_higher_is_better():
    spec = _spec({"trials": 8, "parameters": _RANGE}, gate={"metric": "r_squared"})
    found = search_parameters(spec, lambda one, _: one.algorithm.parameters.learning_rate, folds=2)
    assert found.best.mean == max(trial.mean for trial in found.trials)


def test_the_same_seed_tries_the_same_settings_and_another_does_not():
    tried = []
    for seed in (1, 1, 2):
        spec = _spec({"trials": 14, "parameters": _RANGE}, seed=seed)
        found = search_parameters(spec, _nearness_to(0.1), folds=2)
        tried.append([trial.parameters for trial in found.trials])
    assert tried[0] == tried[1]
    assert tried[0] != tried[2]


def test_whole_ranges_and_choices_give_values_of_their_kind():
    space = {"leaves": {"low": 2, "high": 60, "log": True}, "min_rows_per_leaf": [1, 5, 20]}
    seen = search_parameters(
        _spec({"trials": 12, "parameters": space}), lambda *_: 1.0, folds=2
    ).trials
    leaves = [trial.parameters["leaves"] for trial in seen[1:]]
    assert all(isinstance(value, int) and 2 <= value <= 60 for value in leaves)
    assert {trial.parameters["min_rows_per_leaf"] for trial in seen[1:]} <= {1, 5, 20}


def test_a_setting_that_fails_is_told_and_the_others_go_on():
    def metric(spec, fold):
        if spec.algorithm.parameters.leaves == 31:
            raise RuntimeError("out of memory | really")
        if spec.algorithm.parameters.leaves == 7:
            return math.nan
        return 0.5

    space = {"trials": 12, "parameters": {"leaves": [7, 15, 31]}}
    found = search_parameters(_spec(space), metric, folds=2)
    by_leaves = {trial.parameters["leaves"]: trial for trial in found.trials}
    assert by_leaves[31].state == "failed"
    assert by_leaves[31].error == "RuntimeError: out of memory | really"
    assert by_leaves[7].error == "mean_absolute_error is undefined on fold 1"
    assert math.isnan(by_leaves[7].mean)
    assert found.best.parameters == {"leaves": 15}
    shown = search_metadata(found)
    assert shown["search_failed_trials"] == sum(one.state == "failed" for one in found.trials)
    assert "out of memory \\| really" in shown["search"].value
    assert shown["search"].value.splitlines()[2].startswith(f"| {found.best.number} | 0.5000 | 15")


def test_a_search_in_which_all_fails_says_why():
    def metric(spec, fold):
        raise TidemarkError("The disk is full.", hint="Make room.")

    with pytest.raises(TidemarkError, match=r"none of 3 trials .* The first: The disk is full\."):
        search_parameters(_spec({"trials": 3, "parameters": _RANGE}), metric, folds=2)


def test_the_same_setting_is_not_fitted_twice():
    fitted = []
    space = {"trials": 20, "parameters": {"leaves": [7, 15]}}
    found = search_parameters(
        _spec(space), lambda spec, _: float(fitted.append(spec.algorithm.parameters.leaves) or 1),
        folds=2,
    )  # fmt: skip
    assert len(found.trials) == 20
    assert sorted(fitted) == [7, 7, 15, 15, 31, 31]


def test_the_time_ends_a_search_between_folds_but_never_before_the_first_setting(monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr(search_module.time, "monotonic", lambda: float(next(clock)))
    spec = _spec({"trials": 50, "seconds": 12.0, "parameters": _RANGE})
    found = search_parameters(spec, _nearness_to(0.1), folds=4)
    states = [trial.state for trial in found.trials]
    assert states[0] == "complete"
    assert states[-1] == "stopped"
    assert len(states) < 5
    spec = _spec({"trials": 50, "seconds": 1e-9, "parameters": _RANGE})
    assert [one.state for one in search_parameters(spec, _nearness_to(0.1), folds=4).trials] == [
        "complete"
    ]


def test_the_record_is_plain_json_and_the_plot_an_image():
    spec = _spec({"trials": 4, "parameters": _RANGE})
    found = search_parameters(spec, _nearness_to(0.1), folds=2)
    record = json.loads(found.to_json())
    assert record["best"] == found.best.number
    assert [row["trial"] for row in record["trials"]] == [0, 1, 2, 3]
    assert record["trials"][1]["parameters"] == found.trials[1].parameters
    assert search_plot(found).startswith(b"\x89PNG")


def test_a_trial_that_did_not_end_has_no_mean():
    assert math.isnan(Trial(1, {}, (1.0,), "stopped", 0.1).mean)


def test_the_found_parameters_replace_the_given_ones_and_end_the_search():
    spec = _spec({"parameters": _RANGE})
    other = with_parameters(spec, {"learning_rate": 0.5})
    assert other.algorithm.parameters.learning_rate == 0.5
    assert other.algorithm.parameters.trees == 5
    assert other.search is None


def _rows(n: int = 160):
    rng = np.random.default_rng(4)
    x = rng.normal(size=n)
    return pa.table({"x": x}), np.where(x > 0, 5.0, -5.0) + rng.normal(size=n)


def test_a_fit_searches_on_folds_of_its_rows_and_is_made_of_what_was_found():
    table, label = _rows()
    searching = _spec({"trials": 6, "folds": 2, "parameters": _RANGE})
    result = fit(searching, table, label, np.arange(len(label)))
    best = result.search.best
    assert best.mean < result.search.trials[0].mean
    assert result.model.parameters == {
        **searching.algorithm.parameters.model_dump(),
        **best.parameters,
    }
    plain = fit(with_parameters(searching, best.parameters), table, label, np.arange(len(label)))
    assert plain.search is None
    np.testing.assert_array_equal(result.model.output(table), plain.model.output(table))


@pytest.mark.parametrize("forecast", [False, True])
def test_no_setting_is_judged_on_rows_that_it_was_fitted_on(monkeypatch, forecast):
    from ml_assets import training

    table, label = _rows()
    groups = np.arange(len(label)) // 2
    sections = {"task": "forecast", "forecast": {"anchor": "y", "horizon": 3}} if forecast else {}
    spec = _spec({"trials": 2, "folds": 3, "parameters": {"leaves": [7, 15]}}, **sections)
    number = {value: row for row, value in enumerate(table["x"].to_pylist())}
    fitted, judged = [], []
    fit_rows = training._fitted

    def watched(setting, rows, labels):
        model, count = fit_rows(setting, rows, labels)
        fitted.append([number[value] for value in rows["x"].to_pylist()])
        return model, count

    monkeypatch.setattr(training, "_fitted", watched)
    monkeypatch.setattr(
        training, "metric_values", lambda target, seen, output: judged.append(len(seen)) or {
            "mean_absolute_error": 1.0
        },
    )  # fmt: skip
    found = training._searched(spec, table, label, groups)
    assert len(fitted) == len(judged) == 3 * len({str(t.parameters) for t in found.trials})
    for inside, rows in zip(fitted, judged, strict=True):
        if forecast:
            # Rows go up to the gap before the fold, which ends with the series or another fold.
            assert inside == list(range(len(inside)))
            assert len(inside) + 3 + rows <= len(label)
        else:
            assert len(inside) + rows == len(label)
            assert not {groups[row] for row in inside} & {
                groups[row] for row in set(range(len(label))) - set(inside)
            }
