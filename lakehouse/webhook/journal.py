"""One source's events between their arrival and their landing, safe from a kill at any moment.

Events are appended to a segment, a file of JSON lines, and are on the disk before anybody is told
that they were taken. A full or old segment is closed, lands under its own name and is removed: to
land it again after a kill changes nothing, because a closed segment never changes.
"""

import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from lakehouse.errors import TidemarkError

_LOG = logging.getLogger(__name__)
_OPEN, _CLOSED = ".open", ".jsonl"
Land = Callable[[dict[str, Path]], None]


@dataclass
class Journal:
    """The segments of one source in a folder of their own.

    Attributes:
        source: The source.
        folder: Local folder of the segments.
        land: Copies files into the landing zone, each under its key.
        batch_seconds: Age at which a segment is closed.
        batch_bytes: Size at which it is closed.
    """

    source: str
    folder: Path
    land: Land
    batch_seconds: float
    batch_bytes: int
    _guard: threading.Lock = field(default_factory=threading.Lock, init=False)
    _landing: threading.Lock = field(default_factory=threading.Lock, init=False)
    _segment: IO[bytes] | None = field(default=None, init=False)
    _opened: float = field(default=0.0, init=False)

    def recover(self) -> None:
        """Closes what a killed process has left open; a line that was not finished is cut off.

        Its sender was not told that it was taken.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        for segment in sorted(self.folder.glob(f"*{_OPEN}")):
            content = segment.read_bytes()
            whole = content.rfind(b"\n") + 1
            if whole != len(content):
                _LOG.warning("%s: an event was cut at its end.", segment.name)
                os.truncate(segment, whole)
            _close(segment)

    def append(self, events: Sequence[bytes]) -> None:
        """Adds events, each on a line; when it returns they are on the disk.

        Raises:
            OSError: The disk is full or fails; none of the events was taken.
        """
        lines = b"".join(event + b"\n" for event in events)
        with self._guard:
            segment = self._segment or self._new_segment()
            size = segment.tell()
            try:
                segment.write(lines)
                segment.flush()
                os.fsync(segment.fileno())
            except OSError:
                self._abandon(segment, size)
                raise

    def land_due(self, *, now: bool = False) -> None:
        """Closes the segment if it is old or large enough, and lands all closed ones.

        Args:
            now: Close it whatever its age.
        """
        with self._guard:
            segment = self._segment
            if segment is not None and (
                now
                or time.monotonic() - self._opened >= self.batch_seconds
                or segment.tell() >= self.batch_bytes
            ):
                segment.close()
                _close(Path(segment.name))
                self._segment = None
        with self._landing:
            for closed in sorted(self.folder.glob(f"*{_CLOSED}")):
                if closed.stat().st_size:
                    self.land({self._key(closed): closed})
                closed.unlink()

    def _key(self, closed: Path) -> str:
        # 20260301T...: the day that it was opened.
        return f"{self.source}/{closed.name[:4]}/{closed.name[4:6]}/{closed.name}"

    def _new_segment(self) -> IO[bytes]:
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}{_OPEN}"
        self._segment = (self.folder / name).open("xb")
        self._opened = time.monotonic()
        _sync(self.folder)
        return self._segment

    def _abandon(self, segment: IO[bytes], size: int) -> None:
        """Takes back a write that failed; what was taken before stays."""
        self._segment = None
        path = Path(segment.name)
        try:
            segment.close()
        except OSError:
            # Its buffer still wants to be written.
            _LOG.warning("%s could not be closed in order.", path.name)
        os.truncate(path, size)
        _close(path)


def check_land(journal: Journal, *, now: bool = False) -> None:
    """Lands what is due; a landing zone that cannot be reached is told and tried again."""
    try:
        journal.land_due(now=now)
    except (TidemarkError, OSError) as error:
        _LOG.warning("%s: its events wait, landing failed: %s", journal.source, error)


def _close(segment: Path) -> None:
    segment.replace(segment.with_suffix(_CLOSED))
    _sync(segment.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
