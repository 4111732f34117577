"""From a landed file on this machine to staged Parquet files, whatever its format."""

import shutil
from pathlib import Path

import duckdb

from lakehouse.failures import explanation_of
from lakehouse.landing.compression import UnreadableFileError, open_decompressed
from lakehouse.landing.csv_rows import stage_csv
from lakehouse.landing.detection import Detection, utf8_blocks
from lakehouse.landing.json_document import stage_json_document
from lakehouse.landing.json_lines import stage_json_lines
from lakehouse.landing.json_records import stage_json_records
from lakehouse.landing.mapping import ColumnMapping
from lakehouse.landing.parquet_rows import stage_parquet
from lakehouse.landing.staging import StagedFile, Staging
from lakehouse.sources import Source


def stage_file(
    path: Path,
    detection: Detection,
    *,
    source: Source,
    key: str,
    folder: Path,
    engine: duckdb.DuckDBPyConnection,
) -> StagedFile:
    """The file's rows and rejected lines, staged in the folder; memory stays bounded.

    Args:
        path: The file on this machine.
        detection: How it is to be read.
        source: Its source.
        key: The key it landed under, for `_file` and for how its folder's files are read.
        folder: An empty scratch folder of its own.
        engine: An engine for parsing.

    Raises:
        UnreadableFileError: The file cannot be read at all.
    """
    feed = source.feed_of(key)
    mapping = ColumnMapping(feed.columns) if feed.columns else None
    staging = Staging(engine=engine, folder=folder, key=key, mapping=mapping)
    columns = mapping.wanted if mapping else source.columns
    try:
        if feed.records is None:
            _stage(staging, path, detection, columns)
        elif detection.format != "empty":
            stage_json_records(staging, path, detection, feed=feed)
    except duckdb.OutOfMemoryException as error:
        # To be tried again by whoever raises the limit: the other files must not wait for that.
        raise UnreadableFileError(
            "It needs more memory than TIDEMARK_MEMORY_LIMIT allows"
            f" ({_memory_limit(engine)}). Raise it and land the file again, or land it in parts."
        ) from error
    except duckdb.Error as error:
        # A full disk says nothing about the file.
        if explanation_of(error):
            raise
        # Where the scratch folder is concerns nobody.
        reason = str(error).splitlines()[0].replace(f"{path.parent}/", "")
        raise UnreadableFileError(f"It cannot be read as {detection}: {reason}") from error
    return staging.finished()


def _stage(staging: Staging, path: Path, detection: Detection, columns: tuple[str, ...]) -> None:
    if detection.format == "empty":
        return
    if detection.format == "parquet":
        stage_parquet(staging, _plain(path, detection, staging.folder), columns=columns)
        return
    blocks = utf8_blocks(path, detection)
    if detection.format == "jsonl":
        stage_json_lines(staging, blocks, columns=columns, encoding=detection.encoding)
    elif detection.format == "json":
        stage_json_document(staging, blocks, columns=columns, encoding=detection.encoding)
    else:
        stage_csv(staging, blocks, columns=columns, detection=detection)


def _memory_limit(engine: duckdb.DuckDBPyConnection) -> str:
    row = engine.execute("select current_setting('memory_limit')").fetchone()
    return str(row[0]) if row else "unknown"


def _plain(path: Path, detection: Detection, folder: Path) -> Path:
    """A file that the engine can seek in."""
    if detection.compression == "none":
        return path
    plain = folder / "decompressed"
    with open_decompressed(path, detection.compression) as packed, plain.open("wb") as file:
        shutil.copyfileobj(packed, file, 1 << 20)
    return plain
