"""Scratch folders that do not outlive their process by more than one run."""

import fcntl
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_LOCK_ENDING = ".lock"


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """A new folder below the parent, removed at the end of the block.

    Folders that dead processes left behind are removed first. The owner of a folder holds a file
    lock beside it, which the system takes away when the owner dies, however it dies.
    """
    parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(parent)
    lock_file, lock = _claimed(parent)
    folder = _folder_of(lock_file)
    try:
        folder.mkdir()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock_file.unlink(missing_ok=True)
        lock.close()


def _claimed(parent: Path) -> tuple[Path, IO[bytes]]:
    """A new lock file that this process holds."""
    while True:
        lock_file = parent / f"{uuid.uuid4().hex}{_LOCK_ENDING}"
        lock = lock_file.open("xb")
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Another process may have taken the file for abandoned before it was locked.
        if lock_file.exists():
            return lock_file, lock
        lock.close()


def remove_abandoned(parent: Path) -> int:
    """Removes the scratch folders whose owners are dead; returns how many there were."""
    removed = 0
    for lock_file in parent.glob(f"*{_LOCK_ENDING}"):
        try:
            with lock_file.open("rb") as lock:
                if _locked(lock):
                    shutil.rmtree(_folder_of(lock_file), ignore_errors=True)
                    lock_file.unlink(missing_ok=True)
                    removed += 1
        except FileNotFoundError:
            # Its owner has just ended.
            continue
    return removed


def abandoned_folders(parent: Path) -> list[Path]:
    """The scratch folders whose owners are dead; all stay."""
    found = []
    for lock_file in sorted(parent.glob(f"*{_LOCK_ENDING}")):
        try:
            with lock_file.open("rb") as lock:
                if _locked(lock):
                    found.append(_folder_of(lock_file))
        except FileNotFoundError:
            # Its owner has just ended.
            continue
    return found


def _locked(lock: IO[bytes]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _folder_of(lock_file: Path) -> Path:
    return lock_file.with_suffix("")
