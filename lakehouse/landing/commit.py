"""Writing prepared files to the lake, inside one write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from lakehouse.connection import LakeWrite
from lakehouse.landing.files import LandedFile
from lakehouse.landing.ledger import (
    KnownVersion,
    LedgerEntry,
    enter,
    known_versions_on,
    next_load,
    refresh_etags,
    supersede,
)
from lakehouse.landing.limits import COLUMN_LIMIT
from lakehouse.landing.preparation import PreparedFile
from lakehouse.landing.raw_table import (
    add_columns,
    check_inserted,
    delete_loads,
    insert_rejected,
    insert_rows,
    missing_columns,
    raw_columns,
)
from lakehouse.landing.staging import StagedFile
from lakehouse.sources import Source

_NOTHING = StagedFile(rows=(), rejected=(), columns=(), loaded=0, rejected_lines=0)


@dataclass(frozen=True)
class IngestResult:
    """What became of a landed file.

    Attributes:
        file: The file.
        status: `loaded`; `rejected`: it cannot be read at all; `unchanged`: its content is in
            the lake already; `skipped`: it went away or changed meanwhile, the next run takes it.
        reason: Why it is rejected or skipped.
        load_id: The load that holds its rows, or that records its rejection.
        lines: Lines of the file: rows and rejected lines.
        loaded: Rows.
        rejected: Rejected lines.
        new_columns: Columns that the raw table got for it.
    """

    file: LandedFile
    status: Literal["loaded", "rejected", "unchanged", "skipped"]
    reason: str | None = None
    load_id: int | None = None
    lines: int = 0
    loaded: int = 0
    rejected: int = 0
    new_columns: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [f"{self.file.key}: {self.status}"]
        if self.status == "loaded":
            parts.append(f"{self.lines} lines = {self.loaded} rows + {self.rejected} rejected")
        if self.new_columns:
            parts.append(f"new columns {', '.join(self.new_columns)}")
        if self.reason:
            parts.append(self.reason)
        return "; ".join(parts)


@dataclass(frozen=True)
class _NewLoad:
    """A file version to be entered, under its load id.

    Attributes:
        replaced: The loads of the file that it takes the place of.
    """

    load_id: int
    prepared: PreparedFile
    result: IngestResult
    replaced: tuple[int, ...]

    @property
    def staged(self) -> StagedFile:
        return self.prepared.staged if self.prepared.staged is not None else _NOTHING


def commit_files(
    write: LakeWrite, source: Source, prepared: Sequence[PreparedFile]
) -> list[IngestResult]:
    """Writes rows, rejected lines and ledger entries; returns what became of each file.

    What the ledger says is read again here, under the writer lock: another process may have
    taken the same files meanwhile.
    """
    connection = write.connection
    known = known_versions_on(connection, [item.file for item in prepared])
    load_id, loaded_at = next_load(connection)
    columns = raw_columns(connection, source)
    results: list[IngestResult] = []
    loads: list[_NewLoad] = []
    fresh_etags: dict[int, str] = {}
    for item in prepared:
        version = known.get((item.file.bucket, item.file.key))
        result = settled(item, version)
        if result is None:
            load = _new_load(item, version, load_id + len(loads), columns)
            columns += load.result.new_columns
            loads.append(load)
            result = load.result
        elif version is not None and result.load_id == version.load_id:
            fresh_etags[version.load_id] = item.file.version
        results.append(result)
    refresh_etags(connection, fresh_etags)
    _write_loads(write, source, loads, loaded_at)
    return results


def settled(prepared: PreparedFile, known: KnownVersion | None) -> IngestResult | None:
    """The result for a file that needs no new load; None for one that does."""
    if prepared.outcome == "skipped":
        return skipped(prepared)
    same_content = (
        known is not None
        and (known.is_loaded or known.etag == prepared.file.version)
        and known.content_hash == prepared.content_hash
    )
    if known is not None and same_content:
        return IngestResult(prepared.file, "unchanged", load_id=known.load_id)
    if prepared.outcome in ("same", "known"):
        return IngestResult(prepared.file, "skipped", "Another run took it, or a later version.")
    return None


def skipped(prepared: PreparedFile) -> IngestResult:
    """The result for a file that could not be read now."""
    return IngestResult(prepared.file, "skipped", prepared.reason)


def _new_load(
    prepared: PreparedFile, known: KnownVersion | None, load_id: int, columns: Sequence[str]
) -> _NewLoad:
    present = known.present if known is not None else ()
    staged = prepared.staged
    if staged is not None:
        added = missing_columns(columns, staged.columns)
        if len(columns) + len(added) <= COLUMN_LIMIT:
            result = IngestResult(
                prepared.file,
                "loaded",
                load_id=load_id,
                lines=staged.lines,
                loaded=staged.loaded,
                rejected=staged.rejected_lines,
                new_columns=tuple(added),
            )
            return _NewLoad(load_id, prepared, result, tuple(load for load, _ in present))
        reason = f"With it the raw table would have more than {COLUMN_LIMIT} columns."
        prepared = PreparedFile(prepared.file, "rejected", reason, prepared.content_hash)
    result = IngestResult(prepared.file, "rejected", prepared.reason, load_id)
    # The rows of a sound version stay: a broken upload must not take them away.
    replaced = tuple(load for load, status in present if status == "rejected")
    return _NewLoad(load_id, prepared, result, replaced)


def _write_loads(
    write: LakeWrite, source: Source, loads: Sequence[_NewLoad], loaded_at: datetime
) -> None:
    connection = write.connection
    replaced_by = {old: load.load_id for load in loads for old in load.replaced}
    supersede(connection, replaced_by)
    delete_loads(connection, source, list(replaced_by))
    add_columns(connection, source, [name for load in loads for name in load.result.new_columns])
    load_ids: Mapping[str, int] = {load.prepared.file.key: load.load_id for load in loads}
    inserted = insert_rows(
        connection,
        source,
        [file for load in loads for file in load.staged.rows],
        load_ids=load_ids,
        loaded_at=loaded_at,
    )
    check_inserted(inserted, sum(load.staged.loaded for load in loads), "rows")
    rejected = insert_rejected(
        connection,
        source,
        [file for load in loads for file in load.staged.rejected],
        load_ids=load_ids,
        loaded_at=loaded_at,
    )
    check_inserted(rejected, sum(load.staged.rejected_lines for load in loads), "rejected lines")
    enter(connection, [_entry(load, loaded_at, write.snapshot_id) for load in loads])


def _entry(load: _NewLoad, loaded_at: datetime, snapshot_id: int) -> LedgerEntry:
    file, result = load.prepared.file, load.result
    return LedgerEntry(
        load_id=load.load_id,
        source=file.source,
        bucket=file.bucket,
        file=file.key,
        etag=file.version,
        content_hash=load.prepared.content_hash,
        bytes=file.size,
        lines=result.lines,
        loaded=result.loaded,
        rejected=result.rejected,
        status="loaded" if result.status == "loaded" else "rejected",
        reason=result.reason,
        loaded_at=loaded_at,
        snapshot_id=snapshot_id,
    )
