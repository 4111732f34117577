"""Fetching rows of a Postgres table or query, each as the JSON line that Postgres writes."""

import hashlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from lakehouse.errors import TidemarkError
from lakehouse.feeds.origins import Postgres, PostgresCursor
from lakehouse.pulls.context import Fetched, Job, hash_of
from lakehouse.pulls.secrets import masked, secret

if TYPE_CHECKING:
    from pathlib import Path

# A file of some hundred MB; the ingest commits each file whole.
_ROWS_PER_FILE = 500_000
_ROWS_AT_ONCE = 5_000
_SESSION = (
    "set transaction isolation level repeatable read read only",
    # So that times are written alike whoever runs the server.
    "set local time zone 'UTC'",
    "set local datestyle to iso",
)


def fetch_postgres(job: Job, origin: Postgres) -> Fetched:
    """The new rows, or all rows, at one moment of the database.

    Raises:
        TidemarkError: The database refuses the connection or the query.
    """
    url = secret(job.feed, origin.connection, job.context.variable)
    last = job.last.cursor if job.last and origin.incremental else None
    try:
        with psycopg.connect(url, application_name=f"tidemark {job.feed.name}") as connection:
            for statement in _SESSION:
                connection.execute(statement)
            if origin.incremental:
                _check_nulls(connection, origin, origin.incremental, job)
            return _written(_rows(connection, origin, last), job, origin, last)
    except psycopg.Error as error:
        # The message of a failed connection names host and user; that of a URL that is none, the
        # whole of it.
        problem = masked(str(error).strip().splitlines()[0], [url, *url.split()])
        raise TidemarkError(
            f"The source '{job.feed.name}': Postgres says: {problem}",
            hint=f"Check the URL in {origin.connection}, the table or query, and that its user may"
            " read it.",
        ) from error


def described_rows(origin: Postgres, last: str | None) -> str:
    """What is read, in words."""
    what = f"table {origin.table}" if origin.table else "a query"
    if origin.incremental is None:
        return f"all rows of {what}"
    since = "its first row" if last is None else f"{origin.incremental.column} > {last}"
    return f"rows of {what} from {since}" if last is None else f"rows of {what} with {since}"


def _rows(
    connection: psycopg.Connection, origin: Postgres, last: str | None
) -> Iterator[tuple[str, str | None]]:
    """Each row as JSON, and its value of the cursor's column, which they are ordered by."""
    cursor = origin.incremental
    if cursor is None:
        query = sql.SQL("select row_to_json(found)::text, null from {} as found").format(
            _relation(origin)
        )
        parameters: list[object] = []
    else:
        conditions: list[sql.Composable] = [sql.SQL("true")]
        parameters = []
        if last is not None:
            conditions.append(sql.SQL("found.{} > %s").format(sql.Identifier(cursor.column)))
            parameters.append(last)
        if cursor.by == "timestamp":
            late = sql.SQL("found.{} <= now() - make_interval(secs => %s)")
            conditions.append(late.format(sql.Identifier(cursor.column)))
            parameters.append(cursor.lag_seconds)
        query = sql.SQL(
            "select row_to_json(found)::text, found.{column}::text from {relation} as found"
            " where {conditions} order by found.{column}"
        ).format(
            column=sql.Identifier(cursor.column),
            relation=_relation(origin),
            conditions=sql.SQL(" and ").join(conditions),
        )
    with connection.cursor("tidemark") as rows:
        rows.itersize = _ROWS_AT_ONCE
        yield from rows.execute(query, parameters)


def _relation(origin: Postgres) -> sql.Composable:
    if origin.table is not None:
        return sql.Identifier(*origin.table.split("."))
    # Its author may do with the database what its user may.
    query = (origin.query or "").rstrip().rstrip(";").replace("%", "%%")
    return sql.SQL("({})").format(sql.SQL(query))


def _check_nulls(
    connection: psycopg.Connection, origin: Postgres, cursor: PostgresCursor, job: Job
) -> None:
    query = sql.SQL("select exists(select from {} as found where found.{} is null)").format(
        _relation(origin), sql.Identifier(cursor.column)
    )
    found = connection.execute(query, []).fetchone()
    if found and found[0]:
        raise TidemarkError(
            f"The source '{job.feed.name}': there are rows without '{cursor.column}', which would"
            " never be read.",
            hint="Take a column that is never null, or leave `incremental` out.",
        )


def _written(
    rows: Iterator[tuple[str, str | None]], job: Job, origin: Postgres, last: str | None
) -> Fetched:
    """Writes the rows as JSON lines, in files of bounded size."""
    name = re.sub(r"[^\w-]+", "_", (origin.table or "query").rpartition(".")[2])
    paths: list[Path] = []
    total, reach, file = 0, last, None
    try:
        for text, value in rows:
            if file is None or (origin.incremental and total % _ROWS_PER_FILE == 0):
                if file is not None:
                    file.close()
                paths.append(job.spool.files / f"{len(paths):05}")
                file = paths[-1].open("wb")
            # A value of type json keeps the line ends between its parts; in texts they are \n.
            file.write(text.replace("\n", " ").encode() + b"\n")
            total, reach = total + 1, value or reach
    finally:
        if file is not None:
            file.close()
    if origin.incremental:
        names = [job.dated_name("jsonl", number) for number in range(1, len(paths) + 1)]
    else:
        names = [f"{name}.jsonl"]
        if not paths:
            # An emptied table has no rows any more.
            paths.append(job.spool.files / "00000")
            paths[0].touch()
    digest = hash_of(paths) if paths else hashlib.sha256().hexdigest()
    files = dict(zip(names, paths, strict=True))
    return Fetched(described_rows(origin, last), files, total, reach, digest)
