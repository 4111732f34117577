"""One writer at a time over the whole lake.

DuckLake can corrupt its catalog or miss a conflict when several writers commit at once
(duckdb/ducklake #1404, #1248, #1094), so every commit and every dbt build holds this lock.
"""

from contextlib import AbstractContextManager

from lakehouse.advisory_lock import AdvisoryLock, LockHolder

_LOCK = AdvisoryLock(
    title="The lake's writer lock",
    key=int.from_bytes(b"tidemark", "big", signed=True),
    session="tidemark writer: ",
)


def writer_lock(
    postgres_url: str, purpose: str, *, wait_seconds: float = 3600
) -> AbstractContextManager[None]:
    """Holds the lake's writer lock inside the block.

    Args:
        postgres_url: The catalog's database.
        purpose: What the lock is held for, shown by `tidemark status`; cut to 40 characters.
        wait_seconds: How long to wait for another writer.

    Raises:
        TidemarkError: Another writer kept the lock for longer than that.
    """
    return _LOCK.held(postgres_url, purpose, wait_seconds=wait_seconds)


def lock_holder(postgres_url: str) -> LockHolder | None:
    """The present holder of the writer lock, or None."""
    return _LOCK.holder(postgres_url)
