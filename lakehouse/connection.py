"""The lake's one connection in a process, and the one way to write to it."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb

from lakehouse.config import LakeConfig
from lakehouse.engine import attach_lake, new_engine
from lakehouse.failures import explained
from lakehouse.writer_lock import writer_lock

if TYPE_CHECKING:
    import pyarrow as pa

# By position (`?`) or by name (`$name`).
Parameters = Sequence[Any] | Mapping[str, Any]

_open_lakes: dict[LakeConfig, "Lake"] = {}
_open_lakes_guard = threading.Lock()


@dataclass(frozen=True)
class LakeWrite:
    """An open write: everything executed on it commits together or not at all.

    Attributes:
        connection: The connection, inside the transaction.
        snapshot_id: The snapshot that the commit will make, for rows that name it. It is certain
            because the writer lock keeps every other commit out.
    """

    connection: duckdb.DuckDBPyConnection
    snapshot_id: int


class Lake:
    """The lake, attached as `lake` on one guarded connection.

    Concurrent statements on several connections of one process can invalidate the engine
    (duckdb/duckdb-postgres #577), so all threads share this one, one at a time.
    """

    def __init__(self, config: LakeConfig, *, read_only: bool = False, create: bool = True) -> None:
        self.config = config
        self._read_only = read_only
        self._create = create
        self._rehearses = False
        self._guard = threading.RLock()
        self._engine: duckdb.DuckDBPyConnection | None = None

    @contextmanager
    def connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The connection, for this thread alone inside the block.

        Raises:
            TidemarkError: The engine failed for a reason that the user can mend (disk full,
                Postgres gone, S3 refused); the connection is then opened anew on the next use.
        """
        with self._guard, explained(self._forget):
            if self._engine is None:
                engine = new_engine(self.config)
                attach_lake(engine, self.config, read_only=self._read_only, create=self._create)
                self._engine = engine
            yield self._engine

    def rows(self, query: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self.connection() as connection:
            return connection.execute(query, parameters).fetchall()

    def table(self, query: str, parameters: Parameters = ()) -> "pa.Table":
        """The result of a query as an Arrow table."""
        with self.connection() as connection:
            return connection.execute(query, parameters).to_arrow_table()

    def snapshot_id(self) -> int:
        """The id of the newest snapshot."""
        return int(self.rows("from ducklake_current_snapshot('lake')")[0][0])

    @contextmanager
    def write(self, purpose: str) -> Iterator[LakeWrite]:
        """Holds the writer lock and one transaction inside the block; commits at its end.

        Compute before entering: other writers wait as long as the block lasts.
        """
        if self._rehearses:
            with self.connection() as connection:
                yield LakeWrite(connection=connection, snapshot_id=self.snapshot_id() + 1)
            return
        url = self.config.postgres_url.get_secret_value()
        with self.connection() as connection, writer_lock(url, purpose):
            connection.execute("begin")
            try:
                yield LakeWrite(connection=connection, snapshot_id=self.snapshot_id() + 1)
                connection.execute(
                    "call lake.set_commit_message('tidemark', $purpose)", {"purpose": purpose}
                )
                connection.execute("commit")
            except BaseException:
                self._roll_back(connection)
                raise

    @contextmanager
    def rehearsal(self) -> Iterator[None]:
        """What is written inside the block is seen there, and is undone at its end.

        Nobody else sees any of it, no lock is taken, and no snapshot is made.
        """
        with self.connection() as connection:
            connection.execute("begin")
            self._rehearses = True
            try:
                yield
            finally:
                self._rehearses = False
                self._roll_back(connection)

    @contextmanager
    def exclusive(self, purpose: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """Holds the writer lock inside the block; each statement commits by itself."""
        url = self.config.postgres_url.get_secret_value()
        with self.connection() as connection, writer_lock(url, purpose):
            yield connection

    def _roll_back(self, connection: duckdb.DuckDBPyConnection) -> None:
        try:
            connection.execute("rollback")
        except duckdb.Error:
            # A fatal error has ended the transaction already; a fresh connection is the way on.
            self._forget()

    def _forget(self) -> None:
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def close(self) -> None:
        """Closes the connection; the next use opens it again."""
        with self._guard:
            self._forget()


def open_lake(config: LakeConfig) -> Lake:
    """The process's lake for this configuration, opened for reading and writing."""
    with _open_lakes_guard:
        if config not in _open_lakes:
            _open_lakes[config] = Lake(config)
        return _open_lakes[config]
