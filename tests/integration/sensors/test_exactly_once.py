"""Whatever names, clocks, uploads and restarts do, the sensor has each file taken once."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from lakehouse.config import LakeConfig
from lakehouse.connection import Lake
from lakehouse.landing.files import list_landed, list_sources
from lakehouse.landing.ingest import ingest_files
from lakehouse.landing.ledger import pending_files
from lakehouse.sources import Source
from sensors.context import SensorContext
from sensors.landed_files import landed_files_sensor
from tests.servers.recorder import recorded
from tests.storage import STORAGES, Storage

pytestmark = pytest.mark.integration
SOURCE = Source(name="reviews", columns=("id",))
NAMES = [
    "plain.csv", "a blank.csv", "it's.csv", 'quo"te.csv', "ñandú ☂.csv", "year=2026/month=3/x.csv",
    "100%.csv", "50%25 off.csv", "%2E.csv", "plus+and&.csv", "semi;colon,comma.csv", "hash#1.csv",
    "what?x=1.csv",
]  # fmt: skip


class Daemon:
    """The sensor as a daemon runs it, and the run that it asks for."""

    def __init__(self, platform: SensorContext, instance: dg.DagsterInstance) -> None:
        self.platform = platform
        self.instance = instance
        self.cursor: str | None = None
        self.run_keys: list[str] = []

    def tick(self) -> bool:
        """One look of the sensor; whether it asks for a run that Dagster would start."""
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        result = landed_files_sensor(self.platform)(context)
        if isinstance(result, dg.SkipReason):
            return False
        (request,) = result.run_requests
        self.cursor = result.cursor
        is_new = request.run_key not in self.run_keys
        self.run_keys.append(request.run_key)
        return is_new

    def taken(self) -> dict[str, str]:
        """What a tick and its run take, with what became of it."""
        if not self.tick():
            return {}
        lake, landing = self.platform.open_lake(), self.platform.landing
        pending = pending_files(lake, list_landed(landing, "reviews", self.platform.s3))
        results = ingest_files(lake, SOURCE, pending, landing=landing)
        return {result.file.key.removeprefix("reviews/"): result.status for result in results}


@pytest.fixture
def zone(request: pytest.FixtureRequest, new_storage: Callable[[str], Storage]) -> Storage:
    return new_storage(request.param)


@pytest.fixture
def lake_config(lake_config: LakeConfig, zone: Storage) -> LakeConfig:
    """A local lake, so that only the landing zone differs."""
    return lake_config.model_copy(update={"s3": zone.s3})


@pytest.fixture
def daemon(platform: SensorContext, instance: dg.DagsterInstance, zone: Storage) -> Daemon:
    return Daemon(replace(platform, landing=zone.landing, s3=zone.s3), instance)


def _rows(daemon: Daemon) -> list[tuple[str, str]]:
    rows = daemon.platform.open_lake().rows("select _file, id from lake.raw.reviews order by all")
    return [(file.removeprefix("reviews/"), number) for file, number in rows]


@pytest.mark.parametrize("zone", STORAGES, indirect=True)
def test_each_version_of_each_file_is_taken_once(daemon: Daemon, zone: Storage) -> None:
    for number, name in enumerate(NAMES):
        zone.put(f"landing/reviews/{name}", f"id\n{number}\n".encode())
    assert daemon.taken() == dict.fromkeys(NAMES, "loaded")
    assert daemon.taken() == {}
    assert _rows(daemon) == sorted((name, str(n)) for n, name in enumerate(NAMES))

    # A file of the same second as one that was taken just now.
    zone.put("landing/reviews/first.csv", b"id\n101\n")
    assert daemon.taken() == {"first.csv": "loaded"}
    zone.put("landing/reviews/again.csv", b"id\n102\n")
    assert daemon.taken() == {"again.csv": "loaded"}

    # The same content again is the same version on S3; on disk it is looked at and left.
    zone.put("landing/reviews/first.csv", b"id\n101\n")
    assert daemon.taken() == ({} if zone.is_remote else {"first.csv": "unchanged"})
    zone.put("landing/reviews/first.csv", b"id\n103\n")
    assert daemon.taken() == {"first.csv": "loaded"}
    zone.put("landing/reviews/first.csv", b"id\n101\n")
    assert daemon.taken() == {"first.csv": "loaded"}

    zone.remove("landing/reviews/first.csv")
    assert daemon.taken() == {}
    assert ("first.csv", "101") in _rows(daemon)

    # The daemon starts anew: without a cursor, on a new connection.
    daemon.cursor = None
    daemon.platform.open_lake().close()
    assert daemon.taken() == {}


@pytest.mark.parametrize("zone", ["radosgw"], indirect=True)
def test_a_restart_between_request_and_run_asks_for_the_same_run(
    daemon: Daemon, zone: Storage
) -> None:
    zone.put("landing/reviews/a.csv", b"id\n1\n")
    assert daemon.tick()
    # The run is requested, the daemon dies before it keeps the cursor: Dagster knows the key.
    daemon.cursor = None
    assert not daemon.tick()
    assert len(set(daemon.run_keys)) == 1


@pytest.mark.parametrize("zone", ["folder", "rclone"], indirect=True)
def test_a_clock_that_jumps_back_hides_no_file(
    daemon: Daemon, zone: Storage, short_folder: Path
) -> None:
    """Ceph keeps its own time, so that only the others' clocks can be turned back here."""
    zone.put("landing/reviews/a.csv", b"id\n1\n")
    assert daemon.taken() == {"a.csv": "loaded"}
    zone.put("landing/reviews/b.csv", b"id\n2\n")
    objects = short_folder / "rclone" / "objects"
    root = objects / zone.root.removeprefix("s3://") if zone.is_remote else Path(zone.root)
    for name in ("a.csv", "b.csv"):
        os.utime(root / "landing" / "reviews" / name, (1_000_000, 1_000_000))
    assert daemon.taken()["b.csv"] == "loaded"
    listed = list_landed(zone.landing, "reviews", zone.s3)
    assert {file.modified_at.year for file in listed} == {1970}
    assert daemon.taken() == {}


@pytest.mark.parametrize("zone", ["rclone"], indirect=True)
def test_all_sources_are_one_listing_that_passes_over_what_is_none(
    zone: Storage, short_folder: Path
) -> None:
    root = short_folder / "rclone" / "objects" / zone.root.removeprefix("s3://") / "landing"
    for folder, files in (("a", 1100), ("archive", 2500), ("b", 5), ("c", 0), ("d", 1)):
        (root / folder).mkdir(parents=True)
        for number in range(files):
            (root / folder / f"{number:04}.csv").touch()
    sources = [Source(name=name, columns=("id",)) for name in ("d", "a", "c", "b")]
    with recorded(zone.s3) as recorder:
        found = list_sources(zone.landing, sources, recorder.s3)
    assert [file.source for file in found] == ["a"] * 1100 + ["b"] * 5 + ["d"]
    # Two pages until the archive has begun, and one from behind it: it would be three more.
    assert len(recorder.of("GET")) == 3


@pytest.mark.parametrize("zone", ["folder"], indirect=True)
def test_the_ledger_is_read_again_only_after_a_commit(
    daemon: Daemon, zone: Storage, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries: list[str] = []
    rows = lake.rows
    monkeypatch.setattr(lake, "rows", lambda query, *rest: queries.append(query) or rows(query))
    zone.put("landing/reviews/a.csv", b"id\n1\n")

    def ledger_reads() -> int:
        queries.clear()
        daemon.tick()
        return sum("file_ledger" in query for query in queries)

    assert [ledger_reads() for _ in range(3)] == [1, 0, 0]
    with lake.write("anything") as write:
        write.connection.execute("create table lake.raw.t (n integer)")
    assert [ledger_reads() for _ in range(2)] == [1, 0]
