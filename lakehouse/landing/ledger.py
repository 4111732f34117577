"""The ledger: which version of which file is in the lake.

A file's versions are told apart by ETag, and by how its source says to read it where it says so:
a file is read again when that changes. Its newest entry says what was last seen under its key;
entries without `superseded_by` are what the raw table holds. A version that cannot be read does
not displace the rows of the one before: its entry (status `rejected`, no lines) stands beside it.
A file that was only touched, or uploaded again with the same content, gets no entry: the ETag of
its entry is brought up to date, and the rows keep their load.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Literal
from weakref import WeakKeyDictionary

import duckdb

from lakehouse.connection import Lake
from lakehouse.landing.files import LandedFile


@dataclass(frozen=True)
class _Read:
    """The ledger as it was at a snapshot: its newest load, and the newest ETag of each file."""

    snapshot_id: int
    newest_load: int
    etags: Mapping[tuple[str, str], str]


_read: WeakKeyDictionary[Lake, _Read] = WeakKeyDictionary()


@dataclass(frozen=True)
class KnownVersion:
    """The newest entry of a file.

    Attributes:
        present: The loads of the file that have not been superseded, with their status.
    """

    load_id: int
    etag: str
    content_hash: str
    status: str
    present: tuple[tuple[int, str], ...]

    @property
    def is_loaded(self) -> bool:
        """Whether the raw table holds just this version."""
        return self.status == "loaded"


KnownVersions = dict[tuple[str, str], KnownVersion]


@dataclass(frozen=True)
class LedgerEntry:
    """One row of `ops.file_ledger`."""

    load_id: int
    source: str
    bucket: str
    file: str
    etag: str
    content_hash: str
    bytes: int
    lines: int
    loaded: int
    rejected: int
    status: Literal["loaded", "rejected"]
    reason: str | None
    loaded_at: datetime
    snapshot_id: int


def pending_files(lake: Lake, files: Sequence[LandedFile]) -> list[LandedFile]:
    """The files whose present version the ledger does not know, in the given order.

    While nobody commits, the ledger is read once: the sensor asks every few seconds.
    """
    if not files:
        return []
    known = _as_it_is(lake).etags
    return [file for file in files if known.get((file.bucket, file.key)) != file.version]


def newest_load(lake: Lake) -> int:
    """The id of the ledger's newest load, or 0; read as rarely as `pending_files` reads."""
    return _as_it_is(lake).newest_load


def _as_it_is(lake: Lake) -> _Read:
    # The snapshot first: a commit in between makes the next look read again, never the reverse.
    snapshot_id = lake.snapshot_id()
    read = _read.get(lake)
    if read is None or read.snapshot_id != snapshot_id:
        rows = lake.rows(
            "select bucket, file, max(load_id), arg_max(etag, load_id) from lake.ops.file_ledger"
            " group by bucket, file"
        )
        read = _Read(
            snapshot_id,
            max((int(load_id) for _, _, load_id, _ in rows), default=0),
            {(bucket, key): etag for bucket, key, _, etag in rows},
        )
        _read[lake] = read
    return read


def known_versions(lake: Lake, files: Iterable[LandedFile]) -> dict[tuple[str, str], KnownVersion]:
    """The newest entries of the files' landing zones, by bucket and key."""
    with lake.connection() as connection:
        return known_versions_on(connection, files)


def known_versions_on(
    connection: duckdb.DuckDBPyConnection, files: Iterable[LandedFile]
) -> KnownVersions:
    """As `known_versions`, on a connection that may be inside a write."""
    rows = connection.execute(
        "select bucket, file, max(load_id), arg_max(etag, load_id),"
        " arg_max(content_hash, load_id), arg_max(status, load_id),"
        " list((load_id, status) order by load_id) filter (superseded_by is null)"
        " from lake.ops.file_ledger where bucket in (select unnest($buckets))"
        " group by bucket, file",
        {"buckets": sorted({file.bucket for file in files})},
    ).fetchall()
    return {
        (bucket, key): KnownVersion(load_id, etag, content_hash, status, tuple(present or ()))
        for bucket, key, load_id, etag, content_hash, status, present in rows
    }


def next_load(connection: duckdb.DuckDBPyConnection) -> tuple[int, datetime]:
    """The next load id, and the time of the load: now, but never before an earlier load."""
    newest = connection.execute(
        "select max(load_id), max(loaded_at) from lake.ops.file_ledger"
    ).fetchone()
    load_id, loaded_at = newest or (None, None)
    now = datetime.now(UTC)
    return (load_id or 0) + 1, max(now, loaded_at or now)


def enter(connection: duckdb.DuckDBPyConnection, entries: Sequence[LedgerEntry]) -> None:
    """Adds entries to the ledger."""
    import pyarrow as pa

    if entries:
        connection.register("entries", pa.Table.from_pylist([asdict(entry) for entry in entries]))
        connection.execute("insert into lake.ops.file_ledger by name from entries")
        connection.unregister("entries")


def supersede(connection: duckdb.DuckDBPyConnection, replaced_by: Mapping[int, int]) -> None:
    """Marks loads as replaced, each by another."""
    if replaced_by:
        connection.execute(
            "update lake.ops.file_ledger set superseded_by = replacing.by"
            " from (select unnest($loads) as load_id, unnest($by) as by) as replacing"
            " where file_ledger.load_id = replacing.load_id",
            {"loads": list(replaced_by), "by": list(replaced_by.values())},
        )


def refresh_etags(connection: duckdb.DuckDBPyConnection, etags: Mapping[int, str]) -> None:
    """Brings the ETags of loads up to date, for files of unchanged content."""
    if etags:
        connection.execute(
            "update lake.ops.file_ledger set etag = fresh.etag"
            " from (select unnest($loads) as load_id, unnest($etags) as etag) as fresh"
            " where file_ledger.load_id = fresh.load_id",
            {"loads": list(etags), "etags": list(etags.values())},
        )
