"""The files of a backup: listed, hashed once in their life, copied into the pool of all backups.

The pool names files by their content, so a file is copied once however many backups hold it, a
file of the pool can be checked by its name, and one that was replaced under its name (a plot that
is drawn again) harms no older backup.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

from lakehouse.backup.manifest import (
    FILE_LIST,
    POOL,
    FileEntry,
    complete_backups,
    read_entries,
    sha256_of,
)
from lakehouse.backup.watch import Watch
from lakehouse.catalog_files import CatalogFile
from lakehouse.errors import TidemarkError
from lakehouse.storage import Storage, StoredFile

# Copies wait for the network or the disk most of the time.
_COPIES_AT_ONCE = 8
ARTIFACTS = "artifacts"
_One = TypeVar("_One")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Copied:
    """What came into the pool."""

    entries: tuple[FileEntry, ...]
    new_files: int
    new_bytes: int


def files_to_back_up(
    lake: Storage, catalog: Sequence[CatalogFile], tables: str
) -> list[StoredFile]:
    """The catalog's files and the finished artifacts, by path.

    Args:
        lake: The lake's root.
        catalog: What the dumped catalog refers to.
        tables: The folder of the tables, relative to the root.

    Raises:
        TidemarkError: A file of the catalog is missing, has another size, or is elsewhere.
    """
    there = {file.path: file for file in lake.files(tables)}
    found = []
    for wanted in catalog:
        relative = wanted.path.removeprefix(f"{lake.root}/")
        stored = there.get(relative)
        if stored is None or stored.size != wanted.size:
            state = "is missing" if stored is None else f"has {stored.size:,} bytes"
            raise TidemarkError(
                f"{wanted.path} of {wanted.table} {state}; the catalog says {wanted.size:,} bytes.",
                hint="A backup of a broken lake would be broken: `tidemark doctor` lists all such"
                " files, and an earlier backup may have them.",
            )
        found.append(stored)
    found += [file for file in lake.files(ARTIFACTS) if _is_finished(file.path)]
    return sorted(found, key=lambda file: file.path)


def _is_finished(path: str) -> bool:
    """Whether no part of the path is hidden: so are folders that are being published."""
    return not any(part.startswith(".") for part in PurePosixPath(path).parts)


def copy_into_pool(
    lake: Storage, files: Sequence[StoredFile], destination: Storage, *, copy: bool, watch: Watch
) -> Copied:
    """Hashes the files that no backup knows, and copies those that the pool does not hold.

    Args:
        lake: The lake's root.
        files: What to copy.
        destination: Where all backups and the pool are.
        copy: Whether to copy, or only to hash.
        watch: Told of the bytes that are read.
    """
    known = _known_hashes(destination)
    pool = {file.path: file.size for file in destination.files(POOL)} if copy else {}
    waiting = [
        file
        for file in files
        if _identity(file) not in known
        or (copy and pool.get(_entry(file, known[_identity(file)]).pooled) != file.size)
    ]
    watch.phase("copying files" if copy else "hashing files", sum(file.size for file in waiting))

    def one(file: StoredFile) -> tuple[FileEntry, bool]:
        with lake.fetch(file.path) as local:
            entry = _entry(file, sha256_of(local))
            new = copy and pool.get(entry.pooled) != file.size
            if new:
                destination.put(local, entry.pooled)
            _check_unchanged(lake, file, local)
        watch.advance(file.size)
        return entry, new

    done = {file.path: result for file, result in zip(waiting, at_once(one, waiting), strict=True)}
    entries = tuple(
        done[file.path][0] if file.path in done else _entry(file, known[_identity(file)])
        for file in files
    )
    new = {entry.pooled: entry.size for entry, is_new in done.values() if is_new}
    return Copied(entries, new_files=len(new), new_bytes=sum(new.values()))


def _check_unchanged(lake: Storage, file: StoredFile, local: Path) -> None:
    """What is read in place may be replaced between the hash and the copy."""
    if local == Path(lake.root) / file.path and str(local.stat().st_mtime_ns) != file.version:
        raise TidemarkError(
            f"{local} was replaced while it was copied; this backup was given up.",
            hint="Run the command again: what was copied is kept.",
        )


def at_once(work: Callable[[_One], _Result], items: Iterable[_One]) -> list[_Result]:
    """The results of the work on each item, several at a time; the first failure ends it."""
    with ThreadPoolExecutor(_COPIES_AT_ONCE) as threads:
        waiting = [threads.submit(work, item) for item in items]
        try:
            return [one.result() for one in waiting]
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise


def _entry(file: StoredFile, sha256: str) -> FileEntry:
    return FileEntry(file.path, file.size, file.version, sha256)


def _identity(file: StoredFile | FileEntry) -> tuple[str, int, str]:
    return file.path, file.size, file.version


def _known_hashes(destination: Storage) -> dict[tuple[str, int, str], str]:
    """The hashes of files that have not changed since the newest backup."""
    complete = complete_backups(destination)
    if not complete:
        return {}
    with destination.fetch(f"{complete[-1]}/{FILE_LIST}") as file:
        return {_identity(entry): entry.sha256 for entry in read_entries(file)}
