"""The columns of a file under the raw table's names, as the source's declaration maps them."""

from collections.abc import Mapping

from lakehouse.feeds.reading import ColumnFrom
from lakehouse.landing.compression import UnreadableFileError
from lakehouse.landing.naming import fold, raw_name
from lakehouse.quoting import quote_literal

_SHOWN = 30


class ColumnMapping:
    """Chooses declared columns, and remembers which of them a file has had."""

    def __init__(self, columns: Mapping[str, ColumnFrom]) -> None:
        self._columns = columns
        self._found: dict[str, None] = {}
        self._missing = {
            name: column
            for name, column in columns.items()
            if column.value is None and not column.optional
        }

    @property
    def wanted(self) -> tuple[str, ...]:
        """The names that are looked for in a file."""
        names = (name for column in self._columns.values() for name in column.names)
        return tuple(dict.fromkeys(raw_name(name, ()) for name in names))

    def chosen(self, found: Mapping[str, str]) -> dict[str, str]:
        """SQL of type VARCHAR for each declared raw column.

        Args:
            found: SQL for each column of (a part of) the file.
        """
        self._found |= dict.fromkeys(list(found)[:_SHOWN])
        by_name = {fold(name): sql for name, sql in found.items()}
        return {name: self._sql(name, column, by_name) for name, column in self._columns.items()}

    def _sql(self, name: str, column: ColumnFrom, by_name: Mapping[str, str]) -> str:
        if column.value is not None:
            return quote_literal(column.value)
        keys = (fold(raw_name(one, ())) for one in column.names)
        values = [by_name[key] for key in keys if key in by_name]
        if values:
            self._missing.pop(name, None)
        return (
            f"coalesce({', '.join(values)})"
            if len(values) > 1
            else (values or ["null::varchar"])[0]
        )

    def check(self) -> None:
        """Raises if a declared column was in no part of the file."""
        for name, column in self._missing.items():
            found = ", ".join(f"'{one}'" for one in list(self._found)[:_SHOWN])
            raise UnreadableFileError(
                f"It has no {column.described}, which the source declares for the column"
                f" '{name}'; it has {found}."
            )
