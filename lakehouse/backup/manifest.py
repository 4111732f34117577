"""What a backup says of itself: the manifest, written last, and the list of its files."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from lakehouse.errors import TidemarkError
from lakehouse.storage import Storage

FORMAT = 1
MANIFEST, FILE_LIST = "manifest.json", "files.jsonl"
POOL = "files"


class Manifest(BaseModel):
    """What is in a backup; without it the folder is no backup.

    Attributes:
        format: Changes when older programs could not restore it.
        created_at: ISO time, UTC.
        versions: Versions of the programs that made it, by name; `postgres` is the server's.
        lake_path, data_path, landing_path: Where everything was.
        snapshot_id: The lake's newest snapshot.
        holds_files: Whether the files were copied, or only listed.
        files, bytes: The listed files.
        hashes: SHA-256 by name of each dump and of the list of files.
    """

    model_config = ConfigDict(frozen=True)

    format: int
    created_at: str
    versions: dict[str, str]
    lake_path: str
    data_path: str
    landing_path: str
    snapshot_id: int
    holds_files: bool
    files: int
    bytes: int
    hashes: dict[str, str]


@dataclass(frozen=True)
class FileEntry:
    """A file of a backup.

    Attributes:
        path: Relative to the lake's root.
        size: Bytes.
        version: As the storage told it when the file was read.
        sha256: Of its content, and its name in the pool.
    """

    path: str
    size: int
    version: str
    sha256: str

    @property
    def pooled(self) -> str:
        """Where its content is, below the destination of all backups."""
        return f"{POOL}/{self.sha256[:2]}/{self.sha256}"


def dump_name(database: str) -> str:
    """The name of a database's dump."""
    return f"{database}.dump"


def sha256_of(file: Path) -> str:
    """The SHA-256 of the file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def complete_backups(storage: Storage) -> list[str]:
    """The names of the complete backups in the storage, oldest first."""
    return [
        name
        for name in storage.folders()
        if name != POOL
        and any(True for file in storage.files(name) if file.path == f"{name}/{MANIFEST}")
    ]


def read_manifest(storage: Storage, name: str) -> Manifest:
    """The manifest of a backup.

    Raises:
        TidemarkError: It is no complete backup, or one of a later format.
    """
    try:
        with storage.fetch(f"{name}/{MANIFEST}") as file:
            found: dict[str, Any] = json.loads(file.read_text())
        if int(found.get("format", 0)) > FORMAT:
            raise TidemarkError(
                f"The backup {storage.root}/{name} has format {found['format']}; this version"
                f" knows {FORMAT}.",
                hint="Restore it with the version of tidemark that its manifest.json names.",
            )
        return Manifest.model_validate(found)
    except (FileNotFoundError, NotADirectoryError) as error:
        there = ", ".join(complete_backups(storage)[-3:]) or "none"
        raise TidemarkError(
            f"There is no complete backup in {storage.root}/{name}: it has no {MANIFEST}.",
            hint=f"Name a backup's folder; complete ones in {storage.root}: {there}.",
        ) from error
    except (ValueError, ValidationError) as error:
        raise TidemarkError(
            f"The {MANIFEST} of the backup {storage.root}/{name} cannot be read.",
            hint="The file is damaged: restore another backup.",
        ) from error


def write_entries(entries: Iterable[FileEntry], file: Path) -> None:
    """Writes the list of files, one JSON object a line."""
    with file.open("w") as lines:
        for entry in entries:
            lines.write(json.dumps(asdict(entry)) + "\n")


def read_entries(file: Path) -> list[FileEntry]:
    """The list of files."""
    return [FileEntry(**json.loads(line)) for line in file.read_text().splitlines()]


def split_backup_path(path: str) -> tuple[str, str]:
    """The destination of all backups and the name of one, of its path.

    >>> split_backup_path("s3://bucket/backups/20260101T000000Z/")
    ('s3://bucket/backups', '20260101T000000Z')
    """
    root, _, name = path.rstrip("/").rpartition("/")
    if not root or not name or root == "s3:/":
        raise TidemarkError(
            f"'{path}' is not the path of a backup.",
            hint="Name the folder of one backup: <destination>/<time>.",
        )
    return root, name
