"""Dumps of the lake's catalog before each dbt build, beside the build, the newest ones kept.

A catalog that a crash or a bug has damaged can be put back to one of them in seconds; what was
landed since is then loaded again.
"""

import logging
import time
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

from lakehouse.catalog_probe import probe_catalog
from lakehouse.errors import TidemarkError
from lakehouse.postgres_client import dump_database

_LOG = logging.getLogger(__name__)
_ENDING, _UNFINISHED = ".dump", ".part"
# No dump of a catalog takes that long: its process is dead.
_ABANDONED_SECONDS = 86_400


class CatalogDump:
    """One dump, taken beside whatever the process does; a failure is a warning, never an error.

    A damaged catalog is not dumped: the good dumps would be displaced by bad ones.
    """

    def __init__(self, postgres_url: str, folder: Path, *, keep: int) -> None:
        self._postgres_url = postgres_url
        self._folder = folder
        self._keep = keep
        self._warning: str | None = None
        self._thread = Thread(target=self._take, name="catalog dump")

    def start(self) -> None:
        """Begins; Postgres gives the dump the catalog of this moment, whatever is committed."""
        if self._keep > 0:
            self._thread.start()

    def warning(self, *, wait_seconds: float = 0) -> str | None:
        """What went wrong, if that is known yet."""
        if self._thread.is_alive():
            self._thread.join(wait_seconds)
        return self._warning

    def _take(self) -> None:
        try:
            if faults := probe_catalog(self._postgres_url):
                self._warning = (
                    f"The lake's catalog is damaged, so it was not dumped: {faults[0]}"
                    f" ({len(faults)} faults). `tidemark doctor` shows all."
                )
            else:
                take_dump(self._postgres_url, self._folder)
                _remove_oldest(self._folder, self._keep)
        except Exception as error:  # noqa: BLE001 - the build must not fail for its safety net
            text = error.message if isinstance(error, TidemarkError) else str(error)
            self._warning = f"The catalog was not dumped before this build: {text}"
        if self._warning:
            _LOG.warning("%s", self._warning)


def take_dump(postgres_url: str, folder: Path, *, prefix: str = "") -> Path:
    """Dumps the catalog into the folder, under the time and the prefix; returns the file."""
    # The catalog of an encrypted lake holds its keys.
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = folder / f"{prefix}{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}{_ENDING}"
    unfinished = target.with_suffix(_UNFINISHED)
    try:
        dump_database(postgres_url, unfinished)
        unfinished.rename(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return target


def kept_dumps(folder: Path) -> list[Path]:
    """The dumps taken before builds, oldest first."""
    return sorted(folder.glob(f"[0-9]*{_ENDING}"))


def _remove_oldest(folder: Path, keep: int) -> None:
    for file in kept_dumps(folder)[:-keep]:
        file.unlink(missing_ok=True)
    for file in folder.glob(f"*{_UNFINISHED}"):
        if file.stat().st_mtime < time.time() - _ABANDONED_SECONDS:
            file.unlink(missing_ok=True)
