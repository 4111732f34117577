"""The spool: a pull's files wait here until all are there, and then land; a kill loses nothing."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from lakehouse.pulls.records import PullRecord

_FINISHED = "finished.json"


@dataclass(frozen=True)
class FinishedPull:
    """A pull that has everything: what is left is to land it and to record it.

    Attributes:
        record: Its row of `ops.pulls`.
        files: Paths of its files by the key that each lands under.
    """

    record: PullRecord
    files: Mapping[str, Path]


class Spool:
    """One source's folder in the state folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.files = folder / "files"
        # A download that was cut goes on here.
        self.partial = folder / "partial"

    def start(self) -> None:
        """Makes room for a new pull; what a killed one had half fetched is removed."""
        shutil.rmtree(self.files, ignore_errors=True)
        self.files.mkdir(parents=True)
        self.partial.mkdir(exist_ok=True)

    def finish(self, pull: FinishedPull) -> None:
        """Notes on the disk that the pull has everything: from here on it is carried to its end."""
        for path in pull.files.values():
            _sync(path)
        _sync(self.files)
        record = {**asdict(pull.record), "pulled_at": pull.record.pulled_at.isoformat()}
        files = {key: path.name for key, path in pull.files.items()}
        temporary = self._folder / f"{_FINISHED}.tmp"
        temporary.write_text(json.dumps({"record": record, "files": files}))
        _sync(temporary)
        temporary.replace(self._folder / _FINISHED)
        _sync(self._folder)

    def finished(self) -> FinishedPull | None:
        """The pull that has everything and has not been carried to its end."""
        try:
            noted = json.loads((self._folder / _FINISHED).read_text())
        except FileNotFoundError:
            return None
        record = noted["record"]
        record["pulled_at"] = datetime.fromisoformat(record["pulled_at"])
        files = {key: self.files / name for key, name in noted["files"].items()}
        return FinishedPull(PullRecord(**record), files)

    def clear(self) -> None:
        """Forgets the pull that has been carried to its end."""
        (self._folder / _FINISHED).unlink(missing_ok=True)
        _sync(self._folder)
        shutil.rmtree(self.files, ignore_errors=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
