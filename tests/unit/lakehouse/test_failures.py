"""Engine failures in the user's words; what needs no translation passes unchanged."""

import errno

import duckdb
import psycopg
import pytest

from lakehouse.errors import TidemarkError
from lakehouse.failures import explained, explanation_of


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.ENOSPC, "worded otherwise"),
        duckdb.IOException('IO Error: Could not write to file "x": disk full\nmore'),
    ],
)
def test_a_full_disk_is_said_in_one_line(error):
    explanation = explanation_of(error)
    assert explanation.message.startswith("The disk is full: ")
    assert "\n" not in explanation.message
    assert "Free some space" in explanation.hint


@pytest.mark.parametrize(
    "error",
    [
        duckdb.IOException("IO Error: Unable to connect to Postgres at host=..."),
        duckdb.Error('Failed to commit: Failed to execute query "ROLLBACK": '),
        duckdb.Error("server closed the connection unexpectedly"),
        duckdb.TransactionException(
            "TransactionContext Error: Failed to get data file list from DuckLake:"
            " Current transaction is aborted (please ROLLBACK)"
        ),
        duckdb.InvalidInputException(
            "Invalid Input Error: Attempting to fetch from an unsuccessful query result\nError:"
            " TransactionContext Error: Current transaction is aborted (please ROLLBACK)"
        ),
        psycopg.OperationalError("whatever it says"),
        psycopg.OperationalError(""),
    ],
)
def test_a_lost_postgres_is_said_with_what_to_do(error):
    explanation = explanation_of(error)
    assert "does not answer" in explanation.message
    assert "TIDEMARK_POSTGRES" in explanation.hint


def test_missing_s3_keys_are_said_with_their_settings():
    explanation = explanation_of(duckdb.Error("Secret Validation Failure: during `create`"))
    assert "no keys" in explanation.message
    assert "TIDEMARK_S3_ACCESS_KEY" in explanation.hint


@pytest.mark.parametrize(
    "error",
    [duckdb.CatalogException("Table t does not exist"), FileExistsError(17, "is there", "f")],
)
def test_other_errors_have_no_explanation_and_pass(error):
    forgotten = []
    assert explanation_of(error) is None
    with pytest.raises(type(error)) as raised, explained(lambda: forgotten.append(1)):
        raise error
    assert raised.value is error
    assert forgotten == []


def test_a_folder_that_cannot_be_used_is_named_with_its_settings():
    explanation = explanation_of(PermissionError(errno.EACCES, "Permission denied", "/state/x"))
    assert explanation.message == "/state/x cannot be used: Permission denied."
    assert "TIDEMARK_STATE" in explanation.hint


def test_an_unreadable_url_is_not_quoted_as_it_may_hold_a_password():
    error = psycopg.ProgrammingError('missing "=" after "secret" in connection info string')
    explanation = explanation_of(error)
    assert "cannot be read" in explanation.message
    assert "secret" not in str(explanation)


def test_what_a_library_wrapped_is_found():
    error = RuntimeError("wrapped")
    error.__cause__ = duckdb.Error("connection refused")
    assert "does not answer" in explanation_of(error).message


def test_a_known_failure_forgets_the_connection_and_keeps_its_cause():
    forgotten = []
    cause = duckdb.Error("connection refused")
    with pytest.raises(TidemarkError) as raised, explained(lambda: forgotten.append(1)):
        raise cause
    assert raised.value.__cause__ is cause
    assert forgotten == [1]


def test_without_a_failure_nothing_is_forgotten():
    with explained(lambda: pytest.fail("forgotten")):
        pass
