"""Makes a backup of a running platform: dumps that fit together, and every file they refer to."""

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psycopg

from lakehouse.backup.files import Copied, copy_into_pool, files_to_back_up
from lakehouse.backup.manifest import (
    FILE_LIST,
    FORMAT,
    MANIFEST,
    Manifest,
    dump_name,
    sha256_of,
    write_entries,
)
from lakehouse.backup.place import DATABASES, Place
from lakehouse.backup.watch import Unwatched, Watch
from lakehouse.catalog_files import (
    CatalogFile,
    catalog_data_path,
    catalog_files,
    has_catalog,
    newest_snapshot,
)
from lakehouse.errors import TidemarkError
from lakehouse.files_lock import files_lock
from lakehouse.postgres_client import dump_database
from lakehouse.storage import open_storage
from lakehouse.writer_lock import writer_lock

_PROGRAMS = ("tidemark", "duckdb", "duckdb-extension-ducklake", "dagster", "mlflow")


@dataclass(frozen=True)
class Backup:
    """A finished backup.

    Attributes:
        path: Its folder or prefix, which `tidemark restore` takes.
        manifest: What it says of itself.
        new_files, new_bytes: What had to be copied for it.
    """

    path: str
    manifest: Manifest
    new_files: int
    new_bytes: int


@dataclass(frozen=True)
class _Catalog:
    """What the dumped catalog says."""

    files: list[CatalogFile]
    data_path: str
    snapshot_id: int
    postgres: str


def create_backup(
    place: Place, destination: str, *, catalog_only: bool = False, watch: Watch | None = None
) -> Backup:
    """Makes a backup while the platform runs.

    Writers wait only while the lake's catalog is dumped, which comes first: what its rows name is
    in the dumps and files that follow. Files are copied beside running writers, and maintenance
    waits until they are. The manifest comes last, so a killed backup is none, and the next one
    finds what was copied.

    Args:
        place: What to back up.
        destination: Folder or s3:// prefix of all backups.
        catalog_only: Whether to list and hash the files without copying them.
        watch: Told how far it is.

    Raises:
        TidemarkError: There is no lake, the lake misses a file, or a program of Postgres.
    """
    watch = watch or Unwatched()
    space = place.lake.temporary_folder
    space.mkdir(parents=True, exist_ok=True)
    lake = open_storage(place.lake_path, place.lake.s3, scratch=space)
    target = open_storage(destination, place.lake.s3, scratch=space)
    with (
        tempfile.TemporaryDirectory(dir=space) as scratch,
        files_lock(place.url("lake"), "backup"),
    ):
        folder = Path(scratch)
        now = datetime.now(UTC)
        watch.phase("dumping the databases")
        catalog = _dump_all(place, folder)
        watch.phase("listing files")
        tables = catalog.data_path.removeprefix(f"{place.lake_path}/").rstrip("/")
        files = files_to_back_up(lake, catalog.files, tables)
        copied = copy_into_pool(lake, files, target, copy=not catalog_only, watch=watch)
        write_entries(copied.entries, folder / FILE_LIST)
        manifest = _manifest(place, catalog, copied, folder, now, holds_files=not catalog_only)
        (folder / MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n")
        name = f"{now:%Y%m%dT%H%M%S.%fZ}"
        for part in [*manifest.hashes, MANIFEST]:
            target.put(folder / part, f"{name}/{part}")
    return Backup(f"{target.root}/{name}", manifest, copied.new_files, copied.new_bytes)


def _dump_all(place: Place, folder: Path) -> _Catalog:
    lake_url = place.url("lake")
    with writer_lock(lake_url, "backup"):
        with psycopg.connect(lake_url, autocommit=True) as connection:
            if not has_catalog(connection):
                raise TidemarkError(
                    "There is no lake yet, so there is nothing to back up.",
                    hint="Land files and run `tidemark run` first.",
                )
            catalog = _Catalog(
                files=catalog_files(connection),
                data_path=catalog_data_path(connection),
                snapshot_id=newest_snapshot(connection),
                postgres=str(connection.info.server_version // 10_000),
            )
        dump_database(lake_url, folder / dump_name("lake"))
    for database in DATABASES[1:]:
        dump_database(place.url(database), folder / dump_name(database))
    return catalog


def _manifest(
    place: Place,
    catalog: _Catalog,
    copied: Copied,
    folder: Path,
    now: datetime,
    *,
    holds_files: bool,
) -> Manifest:
    parts = [*(dump_name(database) for database in DATABASES), FILE_LIST]
    return Manifest(
        format=FORMAT,
        created_at=now.isoformat(timespec="seconds"),
        versions={name: version(name) for name in _PROGRAMS} | {"postgres": catalog.postgres},
        lake_path=place.lake_path,
        data_path=catalog.data_path,
        landing_path=place.landing_path,
        snapshot_id=catalog.snapshot_id,
        holds_files=holds_files,
        files=len(copied.entries),
        bytes=sum(entry.size for entry in copied.entries),
        hashes={part: sha256_of(folder / part) for part in parts},
    )
