"""The lake's catalog, and the files that it refers to."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

import psycopg

from dagster_project.doctor.finding import Finding, Findings
from lakehouse.backup.restore import unfinished_restore
from lakehouse.catalog_files import CatalogFile, catalog_data_path
from lakehouse.catalog_probe import probe_on
from lakehouse.config import LakeConfig
from lakehouse.connection import Lake
from lakehouse.engine import file_engine
from lakehouse.file_probe import FileProbe, probe_files
from lakehouse.maintenance import delete_orphans

_SHOWN = 20
# As the nightly maintenance takes it: longer than any run takes.
_ORPHAN_AGE = timedelta(hours=48)
_TO_RESTORE = (
    "Stop what runs (`tidemark down`). `tidemark restore --catalog` puts the catalog back to a dump"
    " in the state folder's catalog_dumps/; without a sound one, restore a backup to another place."
)
_TO_BRING_BACK = (
    "Bring it back from a backup: the line of its path in the backup's files.jsonl names the file"
    " in the pool. Without one, `tidemark restore --catalog` may reach a time that had it."
)


def check_catalog(connection: psycopg.Connection, config: LakeConfig) -> Findings:
    """Whether the catalog is whole, and of the place that the settings name."""
    url = config.postgres_url.get_secret_value()
    if backup := unfinished_restore(url):
        yield Finding(
            "catalog",
            "broken",
            f"the restore of backup {backup} was cut short",
            "Run the same `tidemark restore` again: it starts over.",
        )
    path = catalog_data_path(connection)
    if path != config.data_path:
        yield Finding(
            "catalog",
            "broken",
            f"the catalog is of a lake in {path}, the settings name {config.data_path}",
            "Correct TIDEMARK_LAKE (or TIDEMARK_STATE); to move a lake, back it up and restore it.",
        )
    faults = probe_on(connection)
    for fault in faults[:_SHOWN]:
        yield Finding("catalog", "broken", str(fault), _TO_RESTORE)
    if len(faults) > _SHOWN:
        yield Finding("catalog", "broken", f"{len(faults) - _SHOWN} more faults", _TO_RESTORE)
    if not faults:
        yield Finding("catalog", "good", "snapshots, files, row ids and references fit together")


def check_files(config: LakeConfig, *, deep: bool, catalog_is_good: bool) -> Findings:
    """Whether every file is there in its size, and nothing else; deep: whether it can be read."""
    probe = probe_files(config.postgres_url.get_secret_value(), config.s3)
    for missing in probe.missing[:_SHOWN]:
        yield Finding(
            "files", "broken", f"{missing.path} of {missing.table} is missing", _TO_BRING_BACK
        )
    for file, size in probe.resized[:_SHOWN]:
        yield Finding(
            "files",
            "broken",
            f"{file.path} of {file.table} has {size:,} bytes, not {file.size:,}",
            _TO_BRING_BACK,
        )
    lost = len(probe.missing) + len(probe.resized)
    if lost > _SHOWN:
        yield Finding("files", "broken", f"{lost} files in all", _TO_BRING_BACK)
    elif not lost:
        size = sum(file.size for file in probe.files)
        yield Finding(
            "files", "good", f"{len(probe.files):,} files, {size / 1e6:,.1f} MB, all there"
        )
    if deep:
        yield from _unreadable(config, _sound(probe))
    yield from _orphans(config, probe, repairable=catalog_is_good and not lost)


def _sound(probe: FileProbe) -> list[CatalogFile]:
    lost = {file.path for file in (*probe.missing, *(file for file, _ in probe.resized))}
    return [file for file in probe.files if file.path not in lost]


def _unreadable(config: LakeConfig, files: Sequence[CatalogFile]) -> Findings:
    """Reads the footer of each file and counts its rows against the catalog."""
    import duckdb

    bad = 0
    plain = [file for file in files if not file.encrypted]
    with file_engine(config) as engine:
        for file in plain:
            try:
                row = engine.execute(
                    "select num_rows from parquet_file_metadata(?)", [file.path]
                ).fetchone()
                seen = f"has {row[0]:,} rows, not {file.rows:,}" if row else "has no footer"
                good = row is not None and row[0] == file.rows
            except duckdb.Error as error:
                good, seen = False, f"cannot be read: {str(error).splitlines()[0]}"
            if not good:
                bad += 1
                yield Finding("files", "broken", f"{file.path} {seen}", _TO_BRING_BACK)
    if not bad:
        hidden = len(files) - len(plain)
        rest = f"; {hidden:,} encrypted ones were not opened" if hidden else ""
        yield Finding("files", "good", f"{len(plain):,} footers read{rest}")


def _orphans(config: LakeConfig, probe: FileProbe, *, repairable: bool) -> Findings:
    oldest = datetime.now(UTC) - _ORPHAN_AGE
    old = [file for file in probe.orphaned if file.modified_at < oldest]
    if not old:
        return
    size = sum(file.size for file in old)
    yield Finding(
        "leftovers",
        "warning",
        f"{len(old):,} files ({size / 1e6:,.1f} MB) that no snapshot has, such as {old[0].path}",
        "The nightly maintenance, `tidemark maintain` or `tidemark doctor --fix` deletes them.",
        repair=partial(_delete_orphans, config, oldest) if repairable else None,
    )


def _delete_orphans(config: LakeConfig, oldest: datetime) -> str:
    lake = Lake(config)
    try:
        return f"{delete_orphans(lake, older_than=oldest):,} files deleted"
    finally:
        lake.close()
