"""Which task allows which algorithm, and what a search may look for: by line of the file."""

import pytest

from ml_assets.spec.algorithm import TASKS
from ml_assets.spec.loading import parse_spec

_HEAD = """\
name: m
task: {task}
table: t
entity_key: id
event_time: at
label: {{column: y{classes}}}
features: {{numeric: [a]}}
"""


def _parsed(lines: str, task: str = "regression"):
    classes = ", classes: [1, 2]" if task in ("classification", "ordinal") else ""
    more = "forecast: {anchor: b, horizon: 1}\n" if task == "forecast" else ""
    return parse_spec(_HEAD.format(task=task, classes=classes) + lines + "\n" + more, "m.yaml")


def _errors(lines: str, task: str = "regression") -> list[str]:
    return [error.render() for error in _parsed(lines, task).errors]


@pytest.mark.parametrize("task", ["classification", "ordinal", "regression", "forecast"])
@pytest.mark.parametrize("name", sorted(TASKS))
def test_an_algorithm_is_allowed_for_its_tasks_only(name, task):
    own = ", class: a.B" if name == "estimator" else ""
    errors = _errors(f"algorithm: {{name: {name}{own}}}", task)
    if task in TASKS[name]:
        assert errors == []
    else:
        (error,) = errors
        start = (
            f"m.yaml:8:19 algorithm.name: The task is {task}, which '{name}' is not for. Allowed: "
        )
        assert error.startswith(start)
        allowed = error.removeprefix(start).rstrip(".").split(", ")
        assert allowed == [one for one in TASKS if task in TASKS[one]]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("{}", "9:1 search.parameters: 'parameters' is required."),
        ("{parameters: {}}", "9:22 search.parameters: {} is out of range."),
        (
            "{parameters: {learning_rte: [0.1]}}",
            "9:37 search.parameters.learning_rte: 'learning_rte' is not a parameter of 'lightgbm'.",
        ),
        ("{parameters: {leaves: 3}}", "9:31 search.parameters.leaves: 3 is a whole number."),
        (
            "{parameters: {leaves: [2, 2.5]}}",
            "9:35 search.parameters.leaves[1]: 2.5 cannot be leaves: it should be a valid integer",
        ),
        (
            "{parameters: {leaves: [8, 16, 8]}}",
            "9:39 search.parameters.leaves[2]: 8 is named twice.",
        ),
        (
            "{parameters: {leaves: {low: 9, high: 8}}}",
            "9:46 search.parameters.leaves.high: The range ends at 8, before or where it begins",
        ),
        (
            "{parameters: {leaves: {low: 1, high: 8}}}",
            "9:37 search.parameters.leaves.low: 1 cannot be leaves: it should be greater than or"
            " equal to 2.",
        ),
        (
            "{parameters: {learning_rate: {low: 0.0, high: 1, log: true}}}",
            "9:44 search.parameters.learning_rate.low: A logarithmic range cannot begin at 0.0.",
        ),
        (
            "{parameters: {leaves: {low: 2, high: .nan}}}",
            "9:46 search.parameters.leaves.high: '.nan' is not a finite number.",
        ),
        (
            "{parameters: {leaves: {low: 2, hihg: 8}}}",
            "9:40 search.parameters.leaves.hihg: 'hihg' is not a field here. Allowed: high, log,"
            " low. Did you mean high?",
        ),
        ("{parameters: {leaves: [[2], 3]}}", "9:32 search.parameters.leaves[0]: a choice is a"),
        ("{trials: 0, parameters: {leaves: [3]}}", "9:18 search.trials: 0 is out of range."),
        ("{folds: 1, parameters: {leaves: [3]}}", "9:17 search.folds: 1 is out of range."),
    ],
)
def test_a_search_that_cannot_be_is_an_error_with_its_place(lines, message):
    errors = _errors(f"algorithm: {{name: lightgbm}}\nsearch: {lines}")
    assert [error for error in errors if message in error], errors


def test_a_search_for_parameters_of_one_s_own_class_waits_for_the_class():
    lines = "algorithm: {name: estimator, class: a.B}\nsearch: {parameters: {anything: [1, null]}}"
    parsed = _parsed(lines)
    assert parsed.errors == ()
    assert parsed.spec.search.parameters == {"anything": (1, None)}


@pytest.mark.parametrize("path", ["B", "a..B", "a.1", "a.B()", "/a.B"])
def test_a_class_is_named_by_its_import_path(path):
    (error,) = _errors(f"algorithm: {{name: estimator, class: '{path}'}}")
    assert error.startswith("m.yaml:8:37 algorithm.class: ")
    assert "is not of this form" in error
