"""Engine failures that a user can mend, in the user's words."""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import duckdb
import psycopg

from lakehouse.errors import TidemarkError

_DISK_FULL = ("no space left on device", "disk full", "could not write to file", "disk quota")
_POSTGRES_GONE = (
    "unable to connect to postgres",
    "failed to query most recent snapshot",
    # A query of the catalog before this one, of the same statement, has found nobody.
    "from ducklake: current transaction is aborted",
    # The same, found when the result was fetched of a query that was no part of a transaction.
    "unsuccessful query result\nerror: transactioncontext error: current transaction is aborted",
    "server closed the connection",
    "terminating connection",
    "connection to server",
    "failed to commit ducklake transaction: failed to execute",
    # Only a session that is gone cannot be rolled back.
    'failed to execute query "rollback"',
    "the connection is closed",
    "connection refused",
    "the database system is",
)
_CERTIFICATE = ("certificate", "signature failure", "ssl validation failed", "ssl peer")
_S3_ERRORS = ("error for http", "http error", "http get", "http put", "http post", "http head")
# What a path out of the settings leads to when it is wrong, or not the user's to write.
_UNUSABLE = (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def explained(forget_connection: Callable[[], None]) -> Iterator[None]:
    """Turns engine errors with a known remedy into `TidemarkError`; others pass unchanged.

    Args:
        forget_connection: Called when the engine's connection can no longer be trusted.
    """
    try:
        yield
    except (duckdb.Error, psycopg.Error, OSError) as error:
        explanation = explanation_of(error)
        if explanation is None:
            raise
        forget_connection()
        raise explanation from error


def explanation_of(error: BaseException) -> TidemarkError | None:
    """What a user should read for an error, or None where it needs no translation.

    The errors that it was raised from count too, since libraries wrap what the engine said.

    >>> print(explanation_of(OSError(28, "No space left on device")))
    The disk is full: [Errno 28] No space left on device
    Hint: Free some space and run the command again: nothing half-done was kept.
    """
    found = None
    link: BaseException | None = error
    while link is not None and found is None:
        found = _explanation_of_one(link)
        link = link.__cause__ or link.__context__
    return found


def _explanation_of_one(error: BaseException) -> TidemarkError | None:
    text = str(error)
    lowered = text.lower()
    first_line = text.strip().splitlines()[0] if text.strip() else type(error).__name__
    if getattr(error, "errno", None) == errno.ENOSPC or _any_in(_DISK_FULL, lowered):
        return TidemarkError(
            f"The disk is full: {first_line}",
            hint="Free some space and run the command again: nothing half-done was kept.",
        )
    if explanation := _s3_explanation(error, lowered, first_line):
        return explanation
    if explanation := _postgres_explanation(error, lowered, first_line):
        return explanation
    if isinstance(error, OSError) and error.filename and error.errno in _UNUSABLE:
        return TidemarkError(
            f"{error.filename} cannot be used: {error.strerror}.",
            hint="Check that path and the settings that name folders: TIDEMARK_STATE,"
            " TIDEMARK_LAKE, TIDEMARK_LANDING, TIDEMARK_SPECS, TIDEMARK_DBT_PROJECT.",
        )
    return None


def _postgres_explanation(
    error: BaseException, lowered: str, first_line: str
) -> TidemarkError | None:
    """The explanation where the catalog's server is the matter."""
    of_postgres = isinstance(error, psycopg.Error) or "postgres" in lowered
    if of_postgres and _any_in(_CERTIFICATE, lowered):
        return TidemarkError(
            f"The certificate of Postgres was not accepted: {first_line}",
            hint="Check sslmode and sslrootcert in TIDEMARK_POSTGRES: sslrootcert names the file"
            " (PEM) of the authority that signed the server's certificate.",
        )
    gone = isinstance(error, psycopg.OperationalError) or _any_in(_POSTGRES_GONE, lowered)
    if gone:
        return TidemarkError(
            f"Postgres, which holds the lake's catalog, does not answer: {first_line}",
            hint="Run the command again: it starts the embedded Postgres, and what was not"
            " committed is done anew. For a server of your own, check TIDEMARK_POSTGRES.",
        )
    if isinstance(error, psycopg.ProgrammingError) and "connection info string" in lowered:
        # Without the text, which may hold the password.
        return TidemarkError(
            "The URL of Postgres cannot be read.",
            hint="Write TIDEMARK_POSTGRES as postgresql://user:password@host:5432/database.",
        )
    return None


def _s3_explanation(error: BaseException, lowered: str, first_line: str) -> TidemarkError | None:
    """The explanation where the engine or boto3 failed at an S3 server."""
    if "secret validation failure" in lowered:
        return no_s3_keys()
    # By name: importing boto3 takes longer than most commands.
    library = type(error).__module__.partition(".")[0]
    if (
        isinstance(error, duckdb.HTTPException)
        or (isinstance(error, duckdb.IOException) and _any_in(_S3_ERRORS, lowered))
        or library in ("botocore", "boto3", "s3transfer")
    ):
        if _any_in(_CERTIFICATE, lowered):
            return bad_s3_certificate(first_line)
        return TidemarkError(
            f"S3 refused or did not answer: {first_line}",
            hint="Run the command again once it does: what was not committed is done anew. If it"
            " stays, check TIDEMARK_S3_ENDPOINT and the keys.",
        )
    return None


def bad_s3_certificate(problem: str) -> TidemarkError:
    """The error for an https endpoint whose certificate was not accepted."""
    return TidemarkError(
        f"The certificate of the S3 endpoint was not accepted: {problem}",
        hint="Set TIDEMARK_S3_CA_BUNDLE to the file (PEM) of the authority that signed it.",
    )


def is_certificate_error(error: BaseException) -> bool:
    """Whether a library says that a server's certificate was not accepted."""
    return _any_in(_CERTIFICATE, str(error).lower())


def no_s3_keys() -> TidemarkError:
    """The error for a lake on S3 that nobody has given keys for."""
    return TidemarkError(
        "There are no keys for the lake's S3 storage: neither in the settings nor in the AWS"
        " credential chain.",
        hint="Set TIDEMARK_S3_ACCESS_KEY and TIDEMARK_S3_SECRET_KEY, or give the machine a"
        " role or profile.",
    )


def _any_in(fragments: tuple[str, ...], text: str) -> bool:
    return any(fragment in text for fragment in fragments)
