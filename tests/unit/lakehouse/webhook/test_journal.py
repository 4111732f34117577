import errno
import os
from pathlib import Path
from typing import NoReturn

import pytest

from lakehouse.errors import TidemarkError
from lakehouse.webhook.journal import Journal, check_land


class Zone:
    """A landing zone in memory that can be unreachable."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.reachable = True

    def land(self, files: dict[str, Path]) -> None:
        if not self.reachable:
            raise TidemarkError("S3 does not answer.", hint="Wait.")
        self.files |= {key: path.read_bytes() for key, path in files.items()}

    @property
    def events(self) -> list[bytes]:
        return [line for key in sorted(self.files) for line in self.files[key].splitlines()]


@pytest.fixture
def zone() -> Zone:
    return Zone()


def _journal(tmp_path: Path, zone: Zone, *, seconds: float = 60, size: int = 1 << 20) -> Journal:
    journal = Journal("shop", tmp_path / "shop", zone.land, seconds, size)
    journal.recover()
    return journal


def test_events_land_together_once_their_batch_is_old_enough(tmp_path: Path, zone: Zone) -> None:
    journal = _journal(tmp_path, zone, seconds=0.05)
    journal.append([b'{"a": 1}', b'{"a": 2}'])
    journal.append([b'{"a": 3}'])
    check_land(_journal_with(journal, seconds=60))
    assert zone.events == []
    check_land(_journal_with(journal, seconds=0))
    assert zone.events == [b'{"a": 1}', b'{"a": 2}', b'{"a": 3}']
    assert len(zone.files) == 1
    [key] = zone.files
    assert key.startswith("shop/2")
    assert list(journal.folder.iterdir()) == []


def _journal_with(journal: Journal, *, seconds: float) -> Journal:
    journal.batch_seconds = seconds
    return journal


def test_a_large_batch_lands_at_once(tmp_path: Path, zone: Zone) -> None:
    journal = _journal(tmp_path, zone, size=10)
    journal.append([b'{"a": 1}', b'{"a": 2}'])
    check_land(journal)
    assert len(zone.events) == 2


def test_what_a_killed_server_left_lands_without_the_event_that_was_cut(
    tmp_path: Path, zone: Zone
) -> None:
    killed = _journal(tmp_path, zone)
    killed.append([b'{"a": 1}'])
    assert killed._segment is not None
    killed._segment.close()
    [segment] = killed.folder.iterdir()
    with segment.open("ab") as file:
        file.write(b'{"a": 2, "half')
    check_land(_journal(tmp_path, zone))
    assert zone.events == [b'{"a": 1}']


def test_a_batch_that_landed_before_a_kill_lands_under_the_same_name_again(
    tmp_path: Path, zone: Zone, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = _journal(tmp_path, zone)
    journal.append([b'{"a": 1}'])

    def killed(*_: object) -> NoReturn:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        with pytest.raises(SystemExit):
            check_land(journal, now=True)
    check_land(_journal(tmp_path, zone), now=True)
    assert zone.events == [b'{"a": 1}']


def test_events_wait_for_a_landing_zone_that_cannot_be_reached(tmp_path: Path, zone: Zone) -> None:
    journal = _journal(tmp_path, zone)
    zone.reachable = False
    for number in range(2):
        journal.append([b'{"a": %d}' % number])
        check_land(journal, now=True)
    zone.reachable = True
    check_land(journal, now=True)
    assert sorted(zone.events) == [b'{"a": 0}', b'{"a": 1}']


def test_a_full_disk_takes_no_event_and_keeps_those_before(
    tmp_path: Path, zone: Zone, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = _journal(tmp_path, zone)
    journal.append([b'{"a": 1}'])

    def full(_: int) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("lakehouse.webhook.journal.os.fsync", full)
        patch.setattr("lakehouse.webhook.journal._sync", lambda _: None)
        with pytest.raises(OSError, match="No space"):
            journal.append([b'{"a": 2}'])
    journal.append([b'{"a": 3}'])
    check_land(journal, now=True)
    assert sorted(zone.events) == [b'{"a": 1}', b'{"a": 3}']
