"""Scratch folders that do not outlive their process by more than one run."""

import atexit
import fcntl
import os
import shutil
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_LOCK_ENDING = ".lock"

_process_folders: dict[tuple[int, Path], Path] = {}
_guard = threading.Lock()


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
        _release(folder, lock_file, lock)


def process_folder(parent: Path) -> Path:
    """This process's own folder below the parent, there until it ends.

    A forked process gets one of its own. One that is killed leaves its folder to the next process
    that asks for one.
    """
    key = (os.getpid(), parent)
    with _guard:
        if key not in _process_folders:
            parent.mkdir(parents=True, exist_ok=True)
            remove_abandoned(parent)
            lock_file, lock = _claimed(parent)
            folder = _folder_of(lock_file)
            folder.mkdir()
            _process_folders[key] = folder
            atexit.register(_leave, os.getpid(), folder, lock_file, lock)
        return _process_folders[key]


def _leave(owner: int, folder: Path, lock_file: Path, lock: IO[bytes]) -> None:
    # Forks inherit the registration, not the folder.
    if os.getpid() == owner:
        _release(folder, lock_file, lock)


def _release(folder: Path, lock_file: Path, lock: IO[bytes]) -> None:
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
