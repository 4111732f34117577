"""Looking into fetched files with the same readers that will load them."""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from lakehouse.config import LakeConfig
from lakehouse.landing.detection import detect
from lakehouse.landing.naming import fold
from lakehouse.landing.readers import stage_file
from lakehouse.landing.staging import staging_engine
from lakehouse.quoting import quote_identifier
from lakehouse.scratch import scratch_folder
from lakehouse.sources import Source


@dataclass(frozen=True)
class Content:
    """What a file holds: number of rows, and the distinct values of one column."""

    rows: int
    values: list[str | None]


class Reader:
    """Reads files as their source declares it."""

    def __init__(self, source: Source, scratch: Path, engine: duckdb.DuckDBPyConnection) -> None:
        self._source = source
        self._scratch = scratch
        self._engine = engine

    def content(self, path: Path, key: str, column: str | None) -> Content:
        """What the file holds.

        Args:
            path: The file.
            key: The key that it will land under.
            column: The raw column whose values are wanted.

        Raises:
            UnreadableFileError: The declaration does not fit the file.
        """
        folder = self._scratch / "file"
        folder.mkdir()
        try:
            detection = detect(path, key, self._source.feed_of(key).detected_by)
            staged = stage_file(
                path, detection, source=self._source, key=key, folder=folder, engine=self._engine
            )
            found = next((one for one in staged.columns if fold(one) == fold(column or "")), None)
            values: list[str | None] = []
            if found is not None and staged.rows:
                rows = self._engine.execute(
                    f"select distinct {quote_identifier(found)}"  # noqa: S608 - quoted
                    " from read_parquet($1, union_by_name = true)",
                    [[str(one) for one in staged.rows]],
                ).fetchall()
                values = [row[0] for row in rows]
            return Content(staged.loaded, values)
        finally:
            shutil.rmtree(folder)


@contextmanager
def reader(source: Source, config: LakeConfig) -> Iterator[Reader]:
    """A reader with a scratch folder and an engine of its own."""
    with (
        scratch_folder(config.scratch_folder) as scratch,
        closing(staging_engine(config, scratch)) as engine,
    ):
        yield Reader(source, scratch, engine)
