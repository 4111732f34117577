"""One writer at a time over the whole lake, by a Postgres advisory lock.

DuckLake can corrupt its catalog or miss a conflict when several writers commit at once
(duckdb/ducklake #1404, #1248, #1094), so every commit and every dbt build holds this lock. The
lock belongs to a Postgres session: it frees itself when its holder dies.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from lakehouse.errors import TidemarkError

# Any constant that no other program on the server uses: the bytes of "tidemark".
_LOCK_KEY = int.from_bytes(b"tidemark", "big", signed=True)
_NAME_PREFIX = "tidemark writer: "
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class LockHolder:
    """Who holds the writer lock, since when (UTC), and what for."""

    purpose: str
    process_id: int
    since: datetime


@contextmanager
def writer_lock(postgres_url: str, purpose: str, *, wait_seconds: float = 3600) -> Iterator[None]:
    """Holds the lake's writer lock inside the block.

    Args:
        postgres_url: The catalog's database.
        purpose: What the lock is held for, shown by `tidemark status`; cut to 40 characters.
        wait_seconds: How long to wait for another writer.

    Raises:
        TidemarkError: Another writer kept the lock for longer than that.
    """
    with psycopg.connect(
        postgres_url, autocommit=True, application_name=_NAME_PREFIX + purpose[:40]
    ) as connection:
        deadline = time.monotonic() + wait_seconds
        while not _try_lock(connection):
            if time.monotonic() > deadline:
                raise _still_locked(postgres_url, wait_seconds)
            time.sleep(_POLL_SECONDS)
        yield


def _try_lock(connection: psycopg.Connection) -> bool:
    row = connection.execute("select pg_try_advisory_lock(%s)", (_LOCK_KEY,)).fetchone()
    return row is not None and bool(row[0])


def _still_locked(postgres_url: str, wait_seconds: float) -> TidemarkError:
    holder = lock_holder(postgres_url)
    who = (
        "another process"
        if holder is None
        else f"'{holder.purpose}' (server process {holder.process_id})"
        f" since {holder.since:%Y-%m-%d %H:%M:%S} UTC"
    )
    return TidemarkError(
        f"The lake's writer lock is held by {who}; gave up after {wait_seconds:.0f} s.",
        hint="Wait for that run, or end it: the lock frees itself when its holder ends.",
    )


def lock_holder(postgres_url: str) -> LockHolder | None:
    """The present holder of the writer lock, or None."""
    high, low = (_LOCK_KEY >> 32) & 0xFFFFFFFF, _LOCK_KEY & 0xFFFFFFFF
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        row = connection.execute(
            "select application_name, pid, query_start from pg_locks"
            " join pg_stat_activity using (pid)"
            " where locktype = 'advisory' and granted and objsubid = 1"
            " and database = (select oid from pg_database where datname = current_database())"
            " and classid::bigint = %s and objid::bigint = %s",
            (high, low),
        ).fetchone()
    if row is None:
        return None
    return LockHolder(
        purpose=str(row[0]).removeprefix(_NAME_PREFIX),
        process_id=int(row[1]),
        since=row[2].astimezone(UTC),
    )
