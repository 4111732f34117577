"""Locks between processes, whatever host they run on, held by a session of the lake's Postgres.

A lock frees itself when its holder dies, however it dies.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from lakehouse.errors import TidemarkError

_POLL_SECONDS = 0.05
# Postgres cuts application names, which say what a lock is held for, at 63 bytes.
_PURPOSE_CHARACTERS = 40


@dataclass(frozen=True)
class LockHolder:
    """Who holds a lock, since when (UTC), and what for."""

    purpose: str
    process_id: int
    since: datetime


@dataclass(frozen=True)
class AdvisoryLock:
    """A lock on the lake.

    Attributes:
        title: What it is called in errors.
        key: A number that no other lock on the database has.
        session: Begins the name of the session that holds it; its purpose follows.
    """

    title: str
    key: int
    session: str

    @contextmanager
    def held(
        self, postgres_url: str, purpose: str, *, wait_seconds: float = 3600
    ) -> Iterator[None]:
        """Holds the lock inside the block.

        Args:
            postgres_url: The catalog's database.
            purpose: What the lock is held for; cut to 40 characters.
            wait_seconds: How long to wait for another holder.

        Raises:
            TidemarkError: Another one kept the lock for longer than that.
        """
        with psycopg.connect(
            postgres_url,
            autocommit=True,
            application_name=self.session + purpose[:_PURPOSE_CHARACTERS],
        ) as connection:
            deadline = time.monotonic() + wait_seconds
            while not self._taken(connection):
                if time.monotonic() > deadline:
                    raise self._still_locked(postgres_url, wait_seconds)
                time.sleep(_POLL_SECONDS)
            yield

    def holder(self, postgres_url: str) -> LockHolder | None:
        """The present holder, or None."""
        high, low = (self.key >> 32) & 0xFFFFFFFF, self.key & 0xFFFFFFFF
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
            purpose=str(row[0]).removeprefix(self.session),
            process_id=int(row[1]),
            since=row[2].astimezone(UTC),
        )

    def _taken(self, connection: psycopg.Connection) -> bool:
        row = connection.execute("select pg_try_advisory_lock(%s)", (self.key,)).fetchone()
        return row is not None and bool(row[0])

    def _still_locked(self, postgres_url: str, wait_seconds: float) -> TidemarkError:
        holder = self.holder(postgres_url)
        who = (
            "another process"
            if holder is None
            else f"'{holder.purpose}' (server process {holder.process_id})"
            f" since {holder.since:%Y-%m-%d %H:%M:%S} UTC"
        )
        return TidemarkError(
            f"{self.title} is held by {who}; gave up after {wait_seconds:.0f} s.",
            hint="Wait for that run, or end it: the lock frees itself when its holder ends.",
        )
