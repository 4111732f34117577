"""Compares the files that the catalog refers to with those that are there, by one listing."""

from dataclasses import dataclass

import psycopg

from lakehouse.catalog_files import CatalogFile, catalog_data_path, catalog_files
from lakehouse.config import S3Config
from lakehouse.storage import StoredFile, open_storage

_SCHEDULED = """
select case when path_is_relative then (select value from ducklake_metadata
    where key = 'data_path' and scope is null) || path else path end
from ducklake_files_scheduled_for_deletion
"""


@dataclass(frozen=True)
class FileProbe:
    """What differs.

    Attributes:
        files: Files that the catalog refers to.
        missing: Those that are not there.
        resized: Those of another size than the catalog says, each with its size.
        orphaned: Files below the tables that no snapshot has, and that wait for no deletion.
    """

    files: tuple[CatalogFile, ...]
    missing: tuple[CatalogFile, ...]
    resized: tuple[tuple[CatalogFile, int], ...]
    orphaned: tuple[StoredFile, ...]


def probe_files(postgres_url: str, s3: S3Config) -> FileProbe:
    """Compares the catalog with its data path.

    The files are listed first: what a run commits meanwhile can then only look orphaned, and is
    left out by asking the catalog afterwards.
    """
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        root = catalog_data_path(connection)
        storage = open_storage(root, s3)
        there = {f"{storage.root}/{file.path}": file for file in storage.files()}
        catalog = tuple(catalog_files(connection))
        scheduled = {str(row[0]) for row in connection.execute(_SCHEDULED.encode()).fetchall()}
    # Committed since the listing, or really gone: a second look tells.
    absent = {file.path for file in catalog if file.path not in there}
    if absent:
        there |= {f"{storage.root}/{file.path}": file for file in storage.files()}
    known = {file.path for file in catalog} | scheduled
    return FileProbe(
        files=catalog,
        missing=tuple(file for file in catalog if file.path not in there),
        resized=tuple(
            (file, there[file.path].size)
            for file in catalog
            if file.path in there and there[file.path].size != file.size
        ),
        orphaned=tuple(file for path, file in there.items() if path not in known),
    )
