"""Puts the lake's catalog back to an earlier dump of it, where the files are in place."""

from dataclasses import dataclass
from pathlib import Path

import psycopg

from lakehouse.backup.relocation import FORGET_DELETED
from lakehouse.catalog_dump import take_dump
from lakehouse.catalog_files import catalog_data_path, has_catalog, newest_snapshot
from lakehouse.catalog_probe import probe_catalog
from lakehouse.config import LakeConfig
from lakehouse.errors import TidemarkError
from lakehouse.file_probe import probe_files
from lakehouse.files_lock import files_lock
from lakehouse.postgres_client import replace_database
from lakehouse.writer_lock import writer_lock

_SAFETY_PREFIX = "before-restore-"


@dataclass(frozen=True)
class RestoredCatalog:
    """What became of the catalog.

    Attributes:
        snapshot_id: Its newest snapshot now.
        before: A dump of it as it was, to go back.
    """

    snapshot_id: int
    before: Path


def restore_catalog(config: LakeConfig, dump: Path, *, folder: Path) -> RestoredCatalog:
    """Replaces the catalog by the dump, or leaves it as it was if that one does not fit the files.

    What was committed after the dump is gone from the lake; landed files of that time are pending
    again, and the files that those commits wrote are removed by a later maintenance.

    Args:
        config: The lake.
        dump: A dump of its catalog.
        folder: Where a dump of the catalog as it is now is kept.

    Raises:
        TidemarkError: The dump is damaged, of another lake, or needs files that are gone.
    """
    url = config.postgres_url.get_secret_value()
    with files_lock(url, "restore catalog"), writer_lock(url, "restore catalog"):
        before = take_dump(url, folder, prefix=_SAFETY_PREFIX)
        replace_database(url, dump, scratch=config.temporary_folder)
        problem = _problem(config, url)
        if problem is not None:
            replace_database(url, before, scratch=config.temporary_folder)
            raise TidemarkError(
                f"{dump} does not fit: {problem}. The catalog is as it was.",
                hint="Take a later dump, or restore a backup, which has its files with it.",
            )
        with psycopg.connect(url) as connection:
            connection.execute(FORGET_DELETED.encode())
            return RestoredCatalog(newest_snapshot(connection), before)


def _problem(config: LakeConfig, url: str) -> str | None:
    with psycopg.connect(url, autocommit=True) as connection:
        if not has_catalog(connection):
            return "it holds no catalog of a lake"
        path = catalog_data_path(connection)
    if path != config.data_path:
        return f"it is of a lake in {path}, and this one is in {config.data_path}"
    if faults := probe_catalog(url):
        return f"it is damaged itself: {faults[0]}"
    found = probe_files(url, config.s3)
    lost = [*found.missing, *(file for file, _ in found.resized)]
    if lost:
        return (
            f"{len(lost)} of {len(found.files)} files that it needs are gone or changed, such as"
            f" {lost[0].path} of {lost[0].table}"
        )
    return None
