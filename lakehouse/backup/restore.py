"""Fills an empty place from a backup; killed at any moment, it can be run again."""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from lakehouse.backup.files import at_once
from lakehouse.backup.manifest import (
    FILE_LIST,
    FileEntry,
    Manifest,
    dump_name,
    read_entries,
    read_manifest,
    sha256_of,
    split_backup_path,
)
from lakehouse.backup.place import Place
from lakehouse.backup.relocation import (
    MARKER,
    after_catalog_restore,
    mark_unfinished,
    relocate,
)
from lakehouse.backup.watch import Unwatched, Watch
from lakehouse.errors import TidemarkError
from lakehouse.files_lock import files_lock
from lakehouse.postgres_client import replace_database, server_major
from lakehouse.storage import Storage, open_storage
from lakehouse.writer_lock import writer_lock

# What says that a database is in use, where the lake's is empty.
_IN_USE = {"mlflow": "runs", "dagster": "runs"}


@dataclass(frozen=True)
class Restored:
    """What a restore did.

    Attributes:
        manifest: The backup's.
        copied_files: Files that were not at the place yet.
    """

    manifest: Manifest
    copied_files: int


def restore_backup(backup: str, place: Place, *, watch: Watch | None = None) -> Restored:
    """Restores files and databases, the lake's catalog last, then rewrites what names old places.

    Args:
        backup: A backup's folder or s3:// prefix.
        place: Where to; its databases must be empty, or hold what a killed restore left.
        watch: Told how far it is.

    Raises:
        TidemarkError: The place is in use, the backup is damaged, or Postgres is too old.
    """
    watch = watch or Unwatched()
    root, name = split_backup_path(backup)
    scratch = place.lake.temporary_folder
    scratch.mkdir(parents=True, exist_ok=True)
    source = open_storage(root, place.lake.s3, scratch=scratch)
    manifest = read_manifest(source, name)
    _check_server(manifest, place)
    lake_url = place.url("lake")
    with (
        tempfile.TemporaryDirectory(dir=scratch) as folder,
        files_lock(lake_url, f"restore {name}"),
        writer_lock(lake_url, f"restore {name}"),
    ):
        _check_empty(place)
        watch.phase("reading the backup")
        parts = _checked_parts(source, name, manifest, Path(folder))
        with psycopg.connect(lake_url) as connection:
            connection.execute(mark_unfinished(name).encode())
        copied = _restore_files(source, manifest, read_entries(parts[FILE_LIST]), place, watch)
        watch.phase("restoring the databases")
        for database in ("mlflow", "dagster"):
            replace_database(place.url(database), parts[dump_name(database)], scratch=scratch)
        replace_database(
            lake_url,
            parts[dump_name("lake")],
            scratch=scratch,
            then=after_catalog_restore(manifest, place, name),
        )
        watch.phase("rewriting places")
        relocate(manifest, place)
    return Restored(manifest, copied)


def unfinished_restore(postgres_url: str) -> str | None:
    """The name of the backup whose restore was killed on the lake's database, or None."""
    with psycopg.connect(postgres_url) as connection:
        if MARKER not in _tables(connection):
            return None
        row = connection.execute(
            sql.SQL("select backup from {}").format(sql.Identifier(MARKER))
        ).fetchone()
    return "unknown" if row is None else str(row[0])


def _check_server(manifest: Manifest, place: Place) -> None:
    ours, theirs = server_major(place.url("lake")), int(manifest.versions["postgres"])
    if ours < theirs:
        raise TidemarkError(
            f"The backup is of Postgres {theirs}; the server here is {ours}, which may not"
            " understand it.",
            hint=f"Restore to a server of version {theirs} or newer (TIDEMARK_POSTGRES).",
        )


def _check_empty(place: Place) -> None:
    with psycopg.connect(place.url("lake")) as connection:
        tables = _tables(connection)
    if MARKER in tables:
        # A restore was killed here: all that is there came out of a backup.
        return
    if tables:
        raise TidemarkError(
            f"The lake's database is not empty: it has {len(tables)} tables.",
            hint="Restore to a place of its own: set TIDEMARK_STATE to a new folder, or"
            " TIDEMARK_POSTGRES to another server. To replace this one, drop the databases"
            " tidemark_lake, tidemark_mlflow and tidemark_dagster first. Only the catalog, from a"
            " dump: `tidemark restore --catalog`.",
        )
    for database, table in _IN_USE.items():
        with psycopg.connect(place.url(database)) as connection:
            if (
                table in _tables(connection)
                and connection.execute(
                    sql.SQL("select 1 from {} limit 1").format(sql.Identifier(table))
                ).fetchone()
            ):
                raise TidemarkError(
                    f"The lake's database is empty, but that of {database} has runs, which a"
                    " restore would replace.",
                    hint=f"Drop the database tidemark_{database} if that is meant. If only the"
                    " lake's catalog was lost: `tidemark restore --catalog` takes a dump.",
                )


def _tables(connection: psycopg.Connection) -> set[str]:
    rows = connection.execute("select tablename from pg_tables where schemaname = 'public'")
    return {str(row[0]) for row in rows.fetchall()}


def _checked_parts(source: Storage, name: str, manifest: Manifest, folder: Path) -> dict[str, Path]:
    """The dumps and the list of files, on the local disk, as the manifest knows them."""
    parts = {}
    for part, expected in manifest.hashes.items():
        try:
            with source.fetch(f"{name}/{part}") as file:
                parts[part] = folder / part
                shutil.copyfile(file, parts[part])
        except FileNotFoundError as error:
            raise _damaged(f"{source.root}/{name}/{part}", "is missing") from error
        if sha256_of(parts[part]) != expected:
            raise _damaged(f"{source.root}/{name}/{part}", "is not what was backed up")
    return parts


def _restore_files(
    source: Storage, manifest: Manifest, entries: Sequence[FileEntry], place: Place, watch: Watch
) -> int:
    """Brings the files to the place; those that are there with their content stay."""
    target = open_storage(place.lake_path, place.lake.s3, scratch=place.lake.temporary_folder)
    there = {file.path: file.size for file in target.files()}
    if not manifest.holds_files:
        _check_all_there(target, entries, there)
        return 0
    watch.phase("copying files", sum(entry.size for entry in entries))

    def one(entry: FileEntry) -> bool:
        new = there.get(entry.path) != entry.size or not _is(target, entry)
        if new:
            _copy_checked(source, entry, target)
        watch.advance(entry.size)
        return new

    return sum(at_once(one, entries))


def _is(target: Storage, entry: FileEntry) -> bool:
    with target.fetch(entry.path) as local:
        return sha256_of(local) == entry.sha256


def _copy_checked(source: Storage, entry: FileEntry, target: Storage) -> None:
    pooled = f"{source.root}/{entry.pooled}"
    try:
        with source.fetch(entry.pooled) as local:
            if sha256_of(local) != entry.sha256:
                raise _damaged(f"{pooled} ({entry.path})", "is not what was backed up")
            target.put(local, entry.path)
    except FileNotFoundError as error:
        raise _damaged(f"{pooled} ({entry.path})", "is missing") from error


def _check_all_there(target: Storage, entries: Sequence[FileEntry], there: dict[str, int]) -> None:
    missing = [entry.path for entry in entries if there.get(entry.path) != entry.size]
    if missing:
        raise TidemarkError(
            f"The backup holds no files, only their list, and {len(missing)} of {len(entries)} are"
            f" not in {target.root}, or of another size, such as {missing[0]}.",
            hint="Bring the lake's files there first (a copy, or S3 versions), or restore a backup"
            " that was made without --catalog-only.",
        )


def _damaged(path: str, what: str) -> TidemarkError:
    return TidemarkError(
        f"The backup is damaged: {path} {what}. The lake's database was not touched.",
        hint="Restore another backup, or bring back that file and run the command again.",
    )
