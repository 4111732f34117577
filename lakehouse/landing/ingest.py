"""From landed files to raw rows, rejected lines and ledger entries, in few bounded commits."""

import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

from lakehouse.connection import Lake
from lakehouse.errors import TidemarkError
from lakehouse.failures import explained
from lakehouse.landing.commit import IngestResult, commit_files, settled
from lakehouse.landing.files import LandedFile
from lakehouse.landing.ledger import KnownVersions, known_versions, pending_files
from lakehouse.landing.preparation import PreparedFile, prepare_file
from lakehouse.landing.raw_table import ensure_raw_table
from lakehouse.landing.remote import RemoteLanding
from lakehouse.landing.staging import staging_engine
from lakehouse.scratch import scratch_folder
from lakehouse.sources import Source

__all__ = ["IngestResult", "ensure_raw_table", "ingest_files", "pending_files"]

_LOG = logging.getLogger(__name__)
# A commit holds up every other writer while it lasts, and its files wait in the scratch folder;
# many small files in one commit also become one data file.
_BATCH_FILES = 200
_BATCH_BYTES = 256 << 20


def ingest_files(
    lake: Lake,
    source: Source,
    files: Sequence[LandedFile],
    *,
    landing: str,
    on_progress: Callable[[IngestResult], None] | None = None,
) -> list[IngestResult]:
    """Takes the files into the lake, each whole or not at all, and each version once.

    Files are parsed outside of the writer lock and committed in batches. A new version of a file
    replaces the rows of the one before in the same commit. Killed at any moment, the lake holds
    the batches committed so far, and the next run does the rest.

    Args:
        lake: The lake.
        source: The source that all the files belong to.
        files: What `pending_files` says; files that are known already do no harm.
        landing: The landing zone's root.
        on_progress: Called with each result once it is committed.

    Returns:
        One result a file, in the given order.

    Raises:
        TidemarkError: The disk is full, Postgres or S3 does not answer; what was committed stays.
    """
    _check_belong(files, source, landing)
    if not files:
        return []
    ensure_raw_table(lake, source)
    remote = RemoteLanding(landing, lake.config.s3) if files[0].is_remote else None
    results: list[IngestResult] = []
    with (
        explained(lambda: None),
        scratch_folder(lake.config.scratch_folder) as scratch,
        closing(staging_engine(lake.config, scratch)) as engine,
    ):
        known = known_versions(lake, files)
        for number, batch in enumerate(_batches(files)):
            # A path of its own: DuckDB keeps pages of files that it has read, by path and time.
            folder = scratch / str(number)
            folder.mkdir()
            prepared = [
                prepare_file(
                    file,
                    source=source,
                    folder=folder / str(position),
                    engine=engine,
                    remote=remote,
                    known=known.get((file.bucket, file.key)),
                )
                for position, file in enumerate(batch)
            ]
            committed = _committed(lake, source, prepared, known)
            shutil.rmtree(folder)
            results += committed
            for result in committed:
                _report(result, on_progress)
    return results


def _check_belong(files: Sequence[LandedFile], source: Source, landing: str) -> None:
    for file in files:
        if file.source != source.name or file.bucket != landing.rstrip("/"):
            raise TidemarkError(
                f"{file.path} is a file of source '{file.source}' in {file.bucket}; asked was"
                f" for '{source.name}' in {landing}.",
                hint="Ingest each source's files on their own.",
            )


def _batches(files: Sequence[LandedFile]) -> Iterator[list[LandedFile]]:
    batch: list[LandedFile] = []
    size = 0
    for file in files:
        if batch and (len(batch) == _BATCH_FILES or size + file.size > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.size
    yield batch


def _report(result: IngestResult, on_progress: Callable[[IngestResult], None] | None) -> None:
    _LOG.info("%s", result)
    if on_progress is not None:
        on_progress(result)


def _committed(
    lake: Lake, source: Source, prepared: Sequence[PreparedFile], known: KnownVersions
) -> list[IngestResult]:
    """Commits a batch; the writer lock is only taken if there is something to write."""
    if all(item.outcome in ("known", "skipped") for item in prepared):
        versions = [known.get((item.file.bucket, item.file.key)) for item in prepared]
        settled_now = map(settled, prepared, versions)
        return [result for result in settled_now if result is not None]
    with lake.write(f"ingest {source.name}") as write:
        return commit_files(write, source, prepared)
