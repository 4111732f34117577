"""Names of the raw table's columns for the names that a file uses."""

from collections.abc import Iterable, Sequence

from lakehouse.landing.compression import UnreadableFileError
from lakehouse.landing.limits import COLUMN_LIMIT, NAME_LIMIT

PLATFORM_COLUMNS = ("_file", "_line", "_loaded_at", "_load_id")
# Beside the platform's: pseudo columns, and those that DuckLake adds to inlined rows.
RESERVED = frozenset(
    (*PLATFORM_COLUMNS, "rowid", "row_id", "snapshot_id", "begin_snapshot", "end_snapshot")
)
_ASCII_LOWER = str.maketrans({chr(code): chr(code + 32) for code in range(ord("A"), ord("Z") + 1)})


def fold(name: str) -> str:
    """The name as DuckDB compares it: without regard to case, in ASCII only.

    >>> fold("Straße É")
    'straße É'
    """
    return name.translate(_ASCII_LOWER)


def raw_name(found: str, declared: Iterable[str]) -> str:
    """The raw column for a name found in a file.

    It is the declared column of that name, whatever the case; else the name itself, without
    blanks around it. A name that is taken by the platform gets the prefix `source_`.

    >>> raw_name(" Rating", ["rating"]), raw_name("_file", []), raw_name("", [])
    ('rating', 'source_file', 'unnamed')
    """
    name = found.replace("\x00", "").strip() or "unnamed"
    if fold(name) in RESERVED:
        name = f"source_{name.lstrip('_')}"
    return next((column for column in declared if fold(column) == fold(name)), name)


def raw_names(found: Sequence[str], declared: Sequence[str]) -> list[str]:
    """The raw columns for the names in a file's header; a name's repetitions get a number.

    Raises:
        UnreadableFileError: There are too many names, or one is too long.

    >>> raw_names(["Text", "extra", "text", "Extra"], ["text"])
    ['text', 'extra', 'text_2', 'Extra_2']
    """
    if len(found) > COLUMN_LIMIT:
        raise UnreadableFileError(
            f"It has more than {COLUMN_LIMIT} columns ({len(found):,}); are its names values?"
        )
    if (longest := max(map(len, found), default=0)) > NAME_LIMIT:
        raise UnreadableFileError(
            f"A column's name has {longest:,} characters; {NAME_LIMIT} are possible."
        )
    names: list[str] = []
    taken: set[str] = set()
    for name in (raw_name(name, declared) for name in found):
        candidate, number = name, 1
        while fold(candidate) in taken:
            number += 1
            candidate = f"{name}_{number}"
        taken.add(fold(candidate))
        names.append(candidate)
    return names
