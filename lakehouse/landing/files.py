"""The landing zone: which files are there for a source, and how files get there."""

import logging
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from lakehouse.config import S3Config
from lakehouse.errors import TidemarkError
from lakehouse.failures import explained
from lakehouse.landing.remote import RemoteLanding
from lakehouse.landing.whole_copy import copy_whole
from lakehouse.sources import Source, landing_folders

_LOG = logging.getLogger(__name__)
# What editors, browsers and copying tools call a file that is not finished.
_TEMPORARY_ENDINGS = (".tmp", ".part", ".partial", ".crdownload", "~")


@dataclass(frozen=True)
class LandedFile:
    """One version of a file in the landing zone.

    Attributes:
        source: The source that it belongs to.
        bucket: The landing zone's root: a folder or an s3:// prefix.
        key: The path below the root, with slashes: `<source>/<name>`.
        etag: What changes when the content does: S3's ETag, or `<size>-<mtime in ns>`.
        size: Bytes.
        modified_at: When it was written, UTC.
        reading: How its source's declaration says to read it; empty where it says nothing.
    """

    source: str
    bucket: str
    key: str
    etag: str
    size: int
    modified_at: datetime
    reading: str = ""

    @property
    def version(self) -> str:
        """What changes when the file is to be read again: its content, or the way it is read."""
        return f"{self.etag}/{self.reading}" if self.reading else self.etag

    @property
    def path(self) -> str:
        """The file's whole path or URL."""
        return f"{self.bucket}/{self.key}"

    @property
    def is_remote(self) -> bool:
        """Whether the file is on S3."""
        return self.bucket.startswith("s3://")


def list_landed(landing: str, source: str, s3: S3Config) -> list[LandedFile]:
    """The files below `<landing>/<source>/`, by key; hidden and temporary files do not count."""
    return sorted(_listed(landing, [source], s3), key=lambda file: file.key)


def list_sources(landing: str, sources: Iterable[Source], s3: S3Config) -> list[LandedFile]:
    """The files in all folders of these sources by key, in one listing; as `list_landed`."""
    folders = landing_folders(sources)
    # Once for each folder, not for each of ten thousand files.
    readings = {folder: source.by_folder[folder].reading for folder, source in folders.items()}

    def belonging(file: LandedFile) -> LandedFile:
        folder = file.source
        return replace(file, source=folders[folder].name, reading=readings[folder])

    return sorted(map(belonging, _listed(landing, folders, s3)), key=lambda file: file.key)


def _listed(landing: str, folders: Iterable[str], s3: S3Config) -> Iterator[LandedFile]:
    """The files below the folders, each as of the source of its folder's name."""
    root = landing.rstrip("/")
    if root.startswith("s3://"):
        yield from _listed_s3(root, folders, s3)
    else:
        for folder in folders:
            yield from _listed_locally(root, folder)


def local_version(root: str, source: str, key: str) -> LandedFile | None:
    """The version of a local file that is there now; None without such a file."""
    try:
        status = (Path(root) / key).stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return LandedFile(
        source=source,
        bucket=root,
        key=key,
        etag=f"{status.st_size}-{status.st_mtime_ns}",
        size=status.st_size,
        modified_at=datetime.fromtimestamp(status.st_mtime, UTC),
    )


def _listed_locally(root: str, source: str) -> Iterator[LandedFile]:
    for folder, _, names in os.walk(Path(root) / source):
        for name in names:
            key = (Path(folder) / name).relative_to(root).as_posix()
            if not key.isprintable() and not _is_unicode(key):
                _LOG.warning("Not taken, its name is not Unicode text: %r", key)
            elif _counts(key) and (file := local_version(root, source, key)):
                yield file


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _listed_s3(root: str, sources: Iterable[str], s3: S3Config) -> Iterator[LandedFile]:
    for item in RemoteLanding(root, s3).objects(*sources):
        if _counts(item.key):
            yield LandedFile(
                source=item.key.partition("/")[0],
                bucket=root,
                key=item.key,
                etag=item.etag,
                size=item.size,
                modified_at=item.modified_at,
            )


def _counts(key: str) -> bool:
    """Whether the key names a finished file, not a folder, a hidden or a temporary one."""
    return not (
        key.endswith("/")
        or any(part.startswith(".") for part in key.split("/"))
        or key.lower().endswith(_TEMPORARY_ENDINGS)
    )


def land_files(
    paths: Sequence[Path],
    *,
    source: str,
    landing: str,
    s3: S3Config,
    name: str | None = None,
) -> list[LandedFile]:
    """Copies files, and the files below folders, into the landing zone, byte for byte.

    A file appears under its key whole or not at all. One that is there with the same content is
    left as it is, so that landing it again is not a new version.

    Args:
        paths: Files and folders; a folder's files keep their path below it.
        source: The source that they belong to.
        landing: The landing zone's root: a folder or an s3:// prefix.
        s3: How to reach it on S3.
        name: The name to land under, for a single file.

    Returns:
        What now is in the landing zone for the paths, by key.

    Raises:
        TidemarkError: A path cannot be read, or two files would land under one key; nothing has
            been landed then.
    """
    files = _files_by_key(paths, source, name)
    land_under(files, landing=landing, s3=s3)
    return [file for file in list_landed(landing, source, s3) if file.key in files]


def land_under(files: Mapping[str, Path], *, landing: str, s3: S3Config) -> None:
    """Copies files into the landing zone, each under its key, as `land_files` does."""
    root = landing.rstrip("/")
    if root.startswith("s3://"):
        remote = RemoteLanding(root, s3)
        for key, path in files.items():
            remote.upload(path, key)
    else:
        with explained(lambda: None):
            for key, path in files.items():
                copy_whole(path, Path(root) / key)


def _files_by_key(paths: Sequence[Path], source: str, name: str | None) -> dict[str, Path]:
    found = [pair for path in paths for pair in _files_below(path)]
    if name is not None:
        if len(found) != 1:
            raise TidemarkError(
                f"One name, '{name}', was given for {len(found)} files.",
                hint="Land the file to be renamed in a call of its own.",
            )
        found = [(name, found[0][1])]
    files: dict[str, Path] = {}
    for relative, path in found:
        key = f"{source}/{relative}"
        if not _counts(key) or ".." in PurePosixPath(key).parts:
            raise TidemarkError(
                f"{path} cannot land as '{key}': that name means a hidden or unfinished file.",
                hint="Rename it first.",
            )
        if files.setdefault(key, path).resolve() != path.resolve():
            raise TidemarkError(
                f"{files[key]} and {path} would both land as '{key}'; nothing was landed.",
                hint="Rename one, or land the folder above both: files keep their path below it.",
            )
    return files


def _files_below(path: Path) -> Iterator[tuple[str, Path]]:
    """Each file's name in the landing zone and its path; checks that it can be read."""
    if path.is_dir():
        below = [Path(folder) / name for folder, _, names in os.walk(path) for name in names]
        for file in sorted(below):
            relative = file.relative_to(path).as_posix()
            if _counts(relative):
                _check_readable(file)
                yield relative, file
    else:
        _check_readable(path)
        yield path.name, path


def _check_readable(path: Path) -> None:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise TidemarkError(f"{path} is not a regular file.", hint="Land a copy of its data.")
        with path.open("rb"):
            return
    except FileNotFoundError as error:
        raise TidemarkError(
            f"There is no file {path}.", hint=f"Check the path; you are in {Path.cwd()}."
        ) from error
    except OSError as error:
        raise TidemarkError(
            f"{path} cannot be read: {error.strerror}.", hint="Check its permissions and the disk."
        ) from error
