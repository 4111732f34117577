"""A landed file's rows and rejected lines as Parquet files in a scratch folder."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import duckdb

from lakehouse.config import LakeConfig
from lakehouse.landing.compression import UnreadableFileError
from lakehouse.landing.limits import (
    COLUMN_LIMIT,
    REJECTED_FREE,
    REJECTED_SHARE,
    SPILL_LIMIT,
    mebibytes,
)
from lakehouse.landing.mapping import ColumnMapping
from lakehouse.landing.naming import fold
from lakehouse.quoting import quote_identifier, quote_literal

if TYPE_CHECKING:
    import pyarrow as pa

TEXT_LIMIT = 1000


class RejectedLine(NamedTuple):
    """A line or record that could not become a row: where it stands, what it says, why."""

    line: int
    text: str
    reason: str


@dataclass(frozen=True)
class StagedFile:
    """What reading a file gave.

    Attributes:
        rows: Parquet files with the raw columns found (VARCHAR), `_file` and `_line`.
        rejected: Parquet files with `_file`, `_line`, `text` and `reason`.
        columns: The raw columns found, in the order of their first appearance.
        loaded: Number of rows.
        rejected_lines: Number of rejected lines.
    """

    rows: tuple[Path, ...]
    rejected: tuple[Path, ...]
    columns: tuple[str, ...]
    loaded: int
    rejected_lines: int

    @property
    def lines(self) -> int:
        """All lines of the file (records, for CSV, JSON documents and Parquet)."""
        return self.loaded + self.rejected_lines


@dataclass
class Staging:
    """Collects a file's rows and rejected lines, chunk by chunk; each chunk is a file."""

    engine: duckdb.DuckDBPyConnection
    folder: Path
    key: str
    mapping: ColumnMapping | None = None
    _rows: list[Path] = field(default_factory=list)
    _rejected: list[Path] = field(default_factory=list)
    _columns: dict[str, str] = field(default_factory=dict)
    _loaded: int = 0
    _rejected_lines: int = 0

    def add_rows(self, columns: dict[str, str], relation: str) -> None:
        """Adds rows of a relation of the engine.

        Args:
            columns: SQL of type VARCHAR for each column of the file, under the raw table's names;
                where the source declares columns, they are chosen from these.
            relation: What follows `from`; has a BIGINT column `_line`.
        """
        if self.mapping is not None:
            columns = self.mapping.chosen(columns)
        for column in columns:
            self._columns.setdefault(fold(column), column)
        check_width(len(self._columns))
        selected = [f"{sql} as {quote_identifier(name)}" for name, sql in columns.items()]
        target = self.folder / f"rows_{len(self._rows):06d}.parquet"
        self._loaded += self._copy([*selected, "_line"], relation, target)
        self._rows.append(target)

    def add_table(self, table: "pa.Table") -> None:
        """Adds rows of an Arrow table: text columns named as the raw columns, and `_line`."""
        names = [name for name in table.column_names if name != "_line"]
        with registered(self.engine, table):
            self.add_rows({name: quote_identifier(name) for name in names}, "chunk")

    def reject(self, lines: Sequence[RejectedLine]) -> None:
        """Adds rejected lines; their text is cut."""
        if not lines:
            return
        import pyarrow as pa

        columns = {
            "_line": pa.array([line.line for line in lines], pa.int64()),
            "text": pa.array([_storable(line.text) for line in lines], pa.string()),
            "reason": pa.array([line.reason for line in lines], pa.string()),
        }
        with registered(self.engine, pa.table(columns)):
            target = self.folder / f"rejected_{len(self._rejected):06d}.parquet"
            self._rejected_lines += self._copy(["_line", "text", "reason"], "chunk", target)
        self._rejected.append(target)
        newest, total = lines[-1], self._rejected_lines + self._loaded
        if self._rejected_lines > max(REJECTED_FREE, REJECTED_SHARE * total):
            raise UnreadableFileError(
                f"{self._rejected_lines:,} of its first {total:,} lines cannot be read; line"
                f" {newest.line:,}: {newest.reason}."
            )

    def _copy(self, selected: list[str], relation: str, target: Path) -> int:
        file = f"{quote_literal(self.key)} as _file"
        counted = self.engine.execute(
            f"copy (select {', '.join([*selected, file])} from {relation})"  # noqa: S608 - quoted
            # Compressing what lives for seconds would take half of the time.
            f" to {quote_literal(str(target))} (format parquet, compression uncompressed)"
        ).fetchone()
        return int(counted[0]) if counted else 0

    def finished(self) -> StagedFile:
        """What has been collected.

        Raises:
            UnreadableFileError: No row has a column that the source declares.
        """
        if self.mapping is not None and self._loaded:
            self.mapping.check()
        return StagedFile(
            rows=tuple(self._rows),
            rejected=tuple(self._rejected),
            columns=tuple(self._columns.values()),
            loaded=self._loaded,
            rejected_lines=self._rejected_lines,
        )


def check_width(columns: int) -> None:
    """Raises if a file has more columns than a raw table may get."""
    if columns > COLUMN_LIMIT:
        raise UnreadableFileError(f"It has more than {COLUMN_LIMIT} columns; are its keys values?")


@contextmanager
def registered(engine: duckdb.DuckDBPyConnection, table: "pa.Table") -> Iterator[None]:
    """Makes an Arrow table known to the engine as `chunk` inside the block."""
    engine.register("chunk", table)
    try:
        yield
    finally:
        engine.unregister("chunk")


def _storable(text: str) -> str:
    """The text cut, with the replacement character for what is not Unicode."""
    return text[:TEXT_LIMIT].encode("utf-8", "replace").decode()


def staging_engine(config: LakeConfig, folder: Path) -> duckdb.DuckDBPyConnection:
    """An engine of its own for parsing: outside of the lake's connection and its lock."""
    engine = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": config.memory_limit,
            "threads": str(config.threads),
            "temp_directory": str(folder),
            "max_temp_directory_size": mebibytes(SPILL_LIMIT),
            "autoinstall_known_extensions": "false",
        },
    )
    engine.execute("set TimeZone = 'UTC'")
    return engine
