"""What a pull needs and what it gives."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from lakehouse.connection import Lake
from lakehouse.feeds.document import Feed
from lakehouse.pulls.records import PullRecord
from lakehouse.pulls.secrets import ReadVariable
from lakehouse.pulls.spool import Spool
from lakehouse.sources import Source


@dataclass(frozen=True)
class PullContext:
    """The platform as pulls see it.

    Attributes:
        lake: The lake.
        landing: The landing zone's root.
        state_folder: Local folder in which pulls keep what has not landed yet.
        variable: Reads an environment variable.
        now: The time (UTC).
        sleep: Waits that many seconds.
    """

    lake: Lake
    landing: str
    state_folder: Path
    variable: ReadVariable
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Job:
    """One pull of one source, while it fetches.

    Attributes:
        feed: The source.
        source: Its raw table.
        context: The platform.
        spool: Where its files wait.
        last: The pull before; None for the first.
        pulled_at: When it began (UTC).
        pull_id: Its own name.
    """

    feed: Feed
    source: Source
    context: PullContext
    spool: Spool
    last: PullRecord | None
    pulled_at: datetime
    pull_id: str

    def dated_name(self, ending: str, part: int | None = None) -> str:
        """A name in the landing folder that no other pull uses."""
        number = "" if part is None else f"_{part:05}"
        return f"{self.pulled_at:%Y/%m}/{self.pull_id}{number}.{ending}"


@dataclass(frozen=True)
class Fetched:
    """What a pull has fetched, not landed yet.

    Attributes:
        request: What was asked, secrets left out.
        files: Paths by the names that they are to have in the source's landing folder.
        rows: Records in them; None where they were not counted.
        cursor: How far the landed files reach with these.
        content_hash: SHA-256 over the bytes of all files.
        validator: ETag of the answer.
        reason: Why the files cannot be read as declared; None if they can.
    """

    request: str
    files: dict[str, Path]
    rows: int | None
    cursor: str | None
    content_hash: str
    validator: str | None = None
    reason: str | None = None


def hash_of(paths: Sequence[Path]) -> str:
    """SHA-256 (hex) of a file's bytes, or over the hashes of several files."""
    hashes = []
    for path in paths:
        with path.open("rb") as content:
            hashes.append(hashlib.file_digest(content, "sha256").hexdigest())
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()
