"""A run's failure as one error."""

from dagster_project.outcome import RunOutcome
from lakehouse.errors import TidemarkError


def _error(n: int) -> TidemarkError:
    return TidemarkError(f"step {n} failed", hint=f"mend {n}")


def test_one_failure_is_shown_as_it_is():
    error = RunOutcome("run", success=False, errors=(_error(1),)).as_error()
    assert (error.message, error.hint) == ("step 1 failed", "mend 1")


def test_of_several_failures_the_first_is_shown_and_the_others_counted():
    error = RunOutcome("run", success=False, errors=tuple(map(_error, range(3)))).as_error()
    assert error.message == "step 0 failed\n(and 2 more steps failed)"
    assert error.hint == "mend 0"


def test_without_a_failed_step_the_checks_are_named_with_the_run():
    outcome = RunOutcome("0123456789", success=False, failed_checks=("a: b: c", "d: e: f"))
    error = outcome.as_error()
    assert error.message.endswith("\na: b: c\nd: e: f")
    assert "run 01234567 " in error.hint
