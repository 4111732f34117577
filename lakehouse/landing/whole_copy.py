"""Copying a file so that it appears whole or not at all."""

import filecmp
import os
import tempfile
from pathlib import Path


def copy_whole(path: Path, target: Path) -> None:
    """Copies the file to the target, byte for byte; a target of the same content is not touched.

    The copy grows under a hidden name in the target's folder and is then renamed, so that a
    reader never sees half of it, also after a crash or a power cut.
    """
    if target.is_file() and filecmp.cmp(path, target, shallow=False):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".tmp")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as copy, path.open("rb") as original:
            while block := original.read(1 << 20):
                copy.write(block)
            copy.flush()
            # mkstemp makes it readable for its owner only.
            os.fchmod(copy.fileno(), 0o644)
            os.fsync(copy.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
