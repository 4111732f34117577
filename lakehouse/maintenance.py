"""Maintenance of the lake: few large files, a bounded history, nothing that no table refers to."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from lakehouse.connection import Lake
from lakehouse.files_lock import files_lock

# A file of which a larger share is deleted is written anew without it.
_DELETED_SHARE = 0.1
# Tables whose rows name snapshots that must stay readable, as replay and accounting want it.
_PINS = (
    "select source_snapshot_id from lake.ml.training_sets",
    "select source_snapshot_id from lake.ml.model_versions",
    "select max(snapshot_id) from lake.ops.dbt_builds",
)


@dataclass(frozen=True)
class Size:
    """What the lake's tables consist of now."""

    files: int
    bytes: int
    delete_files: int
    snapshots: int


@dataclass(frozen=True)
class Maintenance:
    """What a maintenance did.

    Attributes:
        before, after: The lake's size.
        expired_snapshots: Snapshots that can no longer be read.
        pinned_snapshots: Older snapshots that were kept, because a model, a training set or the
            last dbt build rests on them.
        removed_files: Files deleted that no snapshot needed any more.
        orphaned_files: Files deleted that no snapshot ever had: what killed runs left.
    """

    before: Size
    after: Size
    expired_snapshots: int
    pinned_snapshots: int
    removed_files: int
    orphaned_files: int


def maintain(
    lake: Lake,
    *,
    now: datetime,
    keep_history: timedelta,
    orphans_after: timedelta,
    on_progress: Callable[[str], None] = lambda _: None,
) -> Maintenance:
    """Compacts the lake's files, expires old snapshots and deletes the files that nothing needs.

    Every step is complete in itself: killed at any instant, the lake is consistent, and the next
    maintenance goes on. The writer lock is held for one step at a time. A backup that copies files
    is waited for.

    Args:
        lake: The lake.
        now: The time, in UTC.
        keep_history: How far back snapshots stay readable; pinned ones stay for ever.
        orphans_after: Age from which a file without a snapshot is taken for left behind. Runs
            write files first and commit them later: it must be longer than any run takes.
        on_progress: Told what is done, step by step.
    """
    with files_lock(lake.config.postgres_url.get_secret_value(), "maintenance"):
        return _maintained(lake, now, keep_history, orphans_after, on_progress)


def _maintained(
    lake: Lake,
    now: datetime,
    keep_history: timedelta,
    orphans_after: timedelta,
    on_progress: Callable[[str], None],
) -> Maintenance:
    before = size_of(lake)
    on_progress("writing small commits and deletions into files")
    _call(lake, "call ducklake_flush_inlined_data('lake')")
    _call(lake, f"call ducklake_rewrite_data_files('lake', delete_threshold => {_DELETED_SHARE})")
    on_progress("merging small files")
    _call(lake, "call ducklake_merge_adjacent_files('lake')")
    on_progress("expiring snapshots")
    expired, pinned = _expirable(lake, older_than=now - keep_history)
    if expired:
        versions = ", ".join(map(str, expired))
        _call(lake, f"call ducklake_expire_snapshots('lake', versions => [{versions}])")
    on_progress("deleting files that nothing needs")
    removed = _call(lake, "call ducklake_cleanup_old_files('lake', cleanup_all => true)")
    orphaned = _delete_orphans(lake, now - orphans_after)
    return Maintenance(
        before=before,
        after=size_of(lake),
        expired_snapshots=len(expired),
        pinned_snapshots=pinned,
        removed_files=removed,
        orphaned_files=orphaned,
    )


def delete_orphans(lake: Lake, *, older_than: datetime) -> int:
    """Deletes the files that no snapshot has and that are older; returns their number."""
    with files_lock(lake.config.postgres_url.get_secret_value(), "maintenance"):
        return _delete_orphans(lake, older_than)


def _delete_orphans(lake: Lake, older_than: datetime) -> int:
    time = older_than.isoformat()
    return _call(
        lake, f"call ducklake_delete_orphaned_files('lake', older_than => timestamptz '{time}')"
    )


def size_of(lake: Lake) -> Size:
    """The lake's data files, their bytes, its files of deletions, and its snapshots."""
    files, total, deletes = lake.rows(
        "select coalesce(sum(file_count), 0), coalesce(sum(file_size_bytes), 0),"
        " coalesce(sum(delete_file_count), 0) from ducklake_table_info('lake')"
    )[0]
    snapshots = lake.rows("select count(*) from ducklake_snapshots('lake')")[0][0]
    return Size(int(files), int(total), int(deletes), int(snapshots))


def _call(lake: Lake, statement: str) -> int:
    """Executes the statement as the lake's only writer; the number of rows that it returns."""
    with lake.exclusive("maintenance") as connection:
        return len(connection.execute(statement).fetchall())


def _expirable(lake: Lake, *, older_than: datetime) -> tuple[list[int], int]:
    """The older snapshots that nothing is pinned to, and how many are pinned."""
    old = lake.rows(
        "select snapshot_id from ducklake_snapshots('lake') where snapshot_time < ?"
        " and snapshot_id < (select max(snapshot_id) from ducklake_snapshots('lake'))",
        [older_than],
    )
    pinned = _numbers(row for query in _PINS for row in lake.rows(query))
    snapshots = _numbers(old)
    return sorted(snapshots - pinned), len(snapshots & pinned)


def _numbers(rows: Iterable[tuple[int | None, ...]]) -> set[int]:
    return {int(row[0]) for row in rows if row[0] is not None}
