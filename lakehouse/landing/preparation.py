"""Reading one landed file, outside of the writer lock: hash, format, staged rows."""

import hashlib
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb

from lakehouse.landing.compression import UnreadableFileError
from lakehouse.landing.detection import detect
from lakehouse.landing.files import LandedFile, local_version
from lakehouse.landing.ledger import KnownVersion
from lakehouse.landing.readers import stage_file
from lakehouse.landing.remote import RemoteLanding
from lakehouse.landing.staging import StagedFile
from lakehouse.sources import Source

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class PreparedFile:
    """A file that has been read and is not yet in the lake.

    Attributes:
        file: The file.
        outcome: `staged`; `rejected`: it cannot be read; `known`: the ledger has this version;
            `same`: it has this content under another ETag; `skipped`: it went away or changed
            while it was read, the next run takes it.
        reason: Why it is rejected or skipped.
        content_hash: SHA-256 of the file's bytes and of how they are read, where that is declared.
        staged: Its rows and rejected lines.
    """

    file: LandedFile
    outcome: Literal["staged", "rejected", "known", "same", "skipped"]
    reason: str | None = None
    content_hash: str = ""
    staged: StagedFile | None = None


def prepare_file(
    file: LandedFile,
    *,
    source: Source,
    folder: Path,
    engine: duckdb.DuckDBPyConnection,
    remote: RemoteLanding | None,
    known: KnownVersion | None,
) -> PreparedFile:
    """The file read into the folder; what concerns this file alone is no error.

    Args:
        file: What to read.
        source: Its source.
        folder: A scratch folder for it, not there yet.
        engine: An engine for parsing.
        remote: The landing zone, if it is on S3.
        known: The newest version in the ledger.
    """
    if known is not None and known.etag == file.version:
        return PreparedFile(file, "known", content_hash=known.content_hash)
    folder.mkdir()
    try:
        path = _local_copy(file, folder, remote)
        prepared = _read(file, path, source=source, folder=folder, engine=engine, known=known)
    except FileNotFoundError:
        prepared = PreparedFile(file, "skipped", "It is no longer there.")
    except PermissionError as error:
        prepared = PreparedFile(file, "skipped", f"It may not be read: {error.strerror}.")
    if remote is None and prepared.outcome != "skipped":
        present = local_version(file.bucket, file.source, file.key)
        if present is None or present.etag != file.etag:
            prepared = PreparedFile(file, "skipped", "It changed while it was read.")
    if prepared.outcome != "staged":
        shutil.rmtree(folder)
    return prepared


def _local_copy(file: LandedFile, folder: Path, remote: RemoteLanding | None) -> Path:
    if remote is None:
        return Path(file.path)
    path = folder / "landed"
    if not remote.download(file.key, etag=file.etag, target=path):
        raise FileNotFoundError(file.path)
    return path


def _read(
    file: LandedFile,
    path: Path,
    *,
    source: Source,
    folder: Path,
    engine: duckdb.DuckDBPyConnection,
    known: KnownVersion | None,
) -> PreparedFile:
    with path.open("rb") as content:
        content_hash = hashlib.file_digest(content, "sha256").hexdigest()
    if file.reading:
        # The same bytes read in another way are other rows.
        content_hash = hashlib.sha256(f"{content_hash}/{file.reading}".encode()).hexdigest()
    if known is not None and known.is_loaded and known.content_hash == content_hash:
        return PreparedFile(file, "same", content_hash=content_hash)
    try:
        detection = detect(path, file.key, source.feed_of(file.key).detected_by)
        _LOG.info("%s: %d bytes, read as %s.", file.key, file.size, detection)
        staged = stage_file(
            path, detection, source=source, key=file.key, folder=folder, engine=engine
        )
    except UnreadableFileError as error:
        _LOG.warning("%s: rejected as a whole. %s", file.key, error.message)
        return PreparedFile(file, "rejected", error.message, content_hash)
    return PreparedFile(file, "staged", None, content_hash, staged)
