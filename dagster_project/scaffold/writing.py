"""Writing new files: all of them or none, and never over one that is there."""

from collections.abc import Mapping
from pathlib import Path

from lakehouse.errors import TidemarkError


def write_new(files: Mapping[Path, str]) -> None:
    """Writes the files with the folders above them.

    Raises:
        TidemarkError: One is there already, which is named; nothing was written then.
    """
    present = [path for path in files if path.exists()]
    if present:
        raise TidemarkError(
            f"{present[0]} is there already; nothing was written.",
            hint="Choose another name, or remove the file first: nothing is ever overwritten.",
        )
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
