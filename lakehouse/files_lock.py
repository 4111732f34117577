"""Keeps the lake's files from being deleted: a backup copies them while maintenance waits.

Whoever needs the writer lock as well takes this one first.
"""

from contextlib import AbstractContextManager

from lakehouse.advisory_lock import AdvisoryLock

_LOCK = AdvisoryLock(
    title="The lock on the lake's files",
    key=int.from_bytes(b"tidefile", "big", signed=True),
    session="tidemark files: ",
)


def files_lock(
    postgres_url: str, purpose: str, *, wait_seconds: float = 3600
) -> AbstractContextManager[None]:
    """Holds the lock on the lake's files inside the block.

    Raises:
        TidemarkError: A backup or a maintenance kept the lock for longer than `wait_seconds`.
    """
    return _LOCK.held(postgres_url, purpose, wait_seconds=wait_seconds)
