import gzip
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lakehouse.config import LakeConfig
from lakehouse.connection import Lake
from lakehouse.errors import TidemarkError
from lakehouse.landing import commit, ingest, preparation
from lakehouse.landing.commit import IngestResult, commit_files
from lakehouse.landing.files import LandedFile, list_landed
from lakehouse.landing.ingest import ingest_files
from lakehouse.landing.ledger import pending_files
from lakehouse.landing.preparation import prepare_file
from lakehouse.landing.raw_table import ensure_raw_table, insert_rows
from lakehouse.landing.readers import stage_file
from lakehouse.sources import Source
from tests.storage import Storage, on_every_storage, on_folder_and_s3

pytestmark = pytest.mark.integration

SOURCE = Source(name="a", columns=("id", "text"))
COUNTS = (
    "select count(*), coalesce(sum(lines), 0), coalesce(sum(loaded), 0),"
    " coalesce(sum(rejected), 0) from lake.ops.file_ledger where superseded_by is null"
)


class Zone:
    """A landing zone on the test's storage and the lake it is ingested into."""

    def __init__(self, lake: Lake, storage: Storage) -> None:
        self.lake = lake
        self.storage = storage
        self.landing = storage.landing
        # Where it is, if it is on disk.
        self.folder = Path(storage.landing)

    def put(self, name: str, content: bytes | str) -> Path:
        self.storage.put(
            f"landing/a/{name}", content if isinstance(content, bytes) else content.encode()
        )
        return self.folder / "a" / name

    def listed(self) -> list[LandedFile]:
        return list_landed(self.landing, "a", self.storage.s3)

    def ingest(self, files: list[LandedFile] | None = None) -> list[IngestResult]:
        pending = pending_files(self.lake, self.listed()) if files is None else files
        return ingest_files(self.lake, SOURCE, pending, landing=self.landing)

    def statuses(self) -> list[str]:
        return [result.status for result in self.ingest()]

    def ids(self) -> list[tuple[Any, ...]]:
        return self.lake.rows("select id, _line, _file, _load_id from lake.raw.a order by all")

    def check_adds_up(self) -> tuple[Any, ...]:
        """Files, lines, rows and rejected lines; the same by the ledger and by the tables."""
        counts = self.lake.rows(COUNTS)[0]
        raw, rejected = self.lake.rows(
            "select (select count(*) from lake.raw.a),"
            " (select count(*) from lake.raw.rejected_lines)"
        )[0]
        assert counts[1] == counts[2] + counts[3]
        assert (raw, rejected) == counts[2:]
        return counts


@pytest.fixture
def zone(lake: Lake, storage: Storage) -> Zone:
    return Zone(lake, storage)


@on_every_storage
def test_rows_rejected_lines_and_ledger_are_committed_together(zone: Zone) -> None:
    zone.put("x.jsonl", '{"id": 1, "text": "ñ"}\nbroken\n{"id": 2}\n')
    zone.put("y.csv", "id,text\n3,z\n")
    results = zone.ingest()
    assert [str(result) for result in results] == [
        "a/x.jsonl: loaded; 3 lines = 2 rows + 1 rejected",
        "a/y.csv: loaded; 1 lines = 1 rows + 0 rejected",
    ]
    assert zone.ids() == [
        ("1", 1, "a/x.jsonl", 1),
        ("2", 3, "a/x.jsonl", 1),
        ("3", 2, "a/y.csv", 2),
    ]
    assert zone.lake.rows(
        "select source, _file, _line, text, reason, _load_id from lake.raw.rejected_lines"
    ) == [("a", "a/x.jsonl", 2, "broken", "not valid JSON", 1)]
    ledger = zone.lake.rows(
        "select load_id, bucket, file, bytes, lines, loaded, rejected, status, reason,"
        " superseded_by, length(content_hash) from lake.ops.file_ledger order by load_id"
    )
    assert ledger == [
        (1, zone.landing, "a/x.jsonl", 41, 3, 2, 1, "loaded", None, None, 64),
        (2, zone.landing, "a/y.csv", 12, 1, 1, 0, "loaded", None, None, 64),
    ]
    snapshots = zone.lake.rows("select distinct snapshot_id from lake.ops.file_ledger")
    assert snapshots == [(zone.lake.snapshot_id(),)]
    assert zone.check_adds_up() == (2, 4, 3, 1)


def test_nothing_to_ingest_takes_no_snapshot(zone: Zone) -> None:
    assert zone.ingest([]) == []
    zone.put("x.jsonl", '{"id": 1}\n')
    zone.ingest()
    before = zone.lake.snapshot_id()
    assert zone.ingest() == []
    assert [result.status for result in zone.ingest(zone.listed())] == ["unchanged"]
    assert zone.lake.snapshot_id() == before


def test_an_empty_file_is_loaded_with_no_lines(zone: Zone) -> None:
    zone.put("x.jsonl", b"")
    assert zone.statuses() == ["loaded"]
    assert zone.check_adds_up() == (1, 0, 0, 0)
    assert pending_files(zone.lake, zone.listed()) == []


def test_a_changed_file_replaces_its_rows_and_rejected_lines(zone: Zone) -> None:
    zone.put("x.jsonl", '{"id": 1}\nbroken\n')
    zone.put("y.jsonl", '{"id": 9}\n')
    zone.ingest()
    zone.put("x.jsonl", '{"id": 1}\n{"id": 2}\n')
    assert zone.statuses() == ["loaded"]
    assert zone.ids() == [
        ("1", 1, "a/x.jsonl", 3),
        ("2", 2, "a/x.jsonl", 3),
        ("9", 1, "a/y.jsonl", 2),
    ]
    assert zone.lake.rows(
        "select load_id, superseded_by from lake.ops.file_ledger order by load_id"
    ) == [(1, 3), (2, None), (3, None)]
    assert zone.check_adds_up() == (2, 3, 3, 0)


def test_a_touched_file_keeps_its_rows_and_its_load(zone: Zone) -> None:
    path = zone.put("x.jsonl", '{"id": 1}\n')
    zone.ingest()
    before = zone.ids()
    os.utime(path, ns=(0, 0))
    assert len(pending_files(zone.lake, zone.listed())) == 1
    assert zone.statuses() == ["unchanged"]
    assert pending_files(zone.lake, zone.listed()) == []
    assert zone.ids() == before
    assert zone.check_adds_up() == (1, 1, 1, 0)


def test_a_file_that_changes_back_is_loaded_again(zone: Zone) -> None:
    for content in ('{"id": 1}\n', '{"id": 2}\n', '{"id": 1}\n'):
        zone.put("x.jsonl", content)
        assert zone.statuses() == ["loaded"]
    assert zone.ids() == [("1", 1, "a/x.jsonl", 3)]
    assert zone.check_adds_up() == (1, 1, 1, 0)


def test_the_same_content_under_two_keys_is_two_files(zone: Zone) -> None:
    zone.put("x.jsonl", '{"id": 1}\n')
    zone.put("deep/x.jsonl", '{"id": 1}\n')
    assert zone.statuses() == ["loaded", "loaded"]
    assert zone.check_adds_up() == (2, 2, 2, 0)


def test_a_file_that_cannot_be_read_is_rejected_and_the_others_are_loaded(zone: Zone) -> None:
    good = b"".join(b'{"id": %d}\n' % number for number in range(1000))
    zone.put("cut.jsonl.gz", gzip.compress(good)[:-20])
    zone.put("good.jsonl", good)
    rejected, loaded = zone.ingest()
    assert (rejected.status, rejected.lines, loaded.status) == ("rejected", 0, "loaded")
    assert "damaged or cut short" in str(rejected.reason)
    assert zone.check_adds_up() == (2, 1000, 1000, 0)
    assert pending_files(zone.lake, zone.listed()) == []
    zone.put("cut.jsonl.gz", gzip.compress(good))
    assert zone.statuses() == ["loaded"]
    assert zone.check_adds_up() == (2, 2000, 2000, 0)


@on_folder_and_s3
def test_a_version_that_cannot_be_read_does_not_displace_the_rows_before(zone: Zone) -> None:
    zone.put("x.jsonl", '{"id": 1}\n')
    zone.ingest()
    zone.put("x.jsonl", b"\x1f\x8bdamaged")
    assert zone.statuses() == ["rejected"]
    assert zone.statuses() == []
    assert zone.ids() == [("1", 1, "a/x.jsonl", 1)]
    zone.put("x.jsonl", b"\x1f\x8bdamaged again")
    assert zone.statuses() == ["rejected"]
    assert zone.check_adds_up() == (2, 1, 1, 0)
    zone.put("x.jsonl", '{"id": 2}\n')
    assert zone.statuses() == ["loaded"]
    assert zone.ids() == [("2", 1, "a/x.jsonl", 4)]
    assert zone.lake.rows(
        "select load_id, superseded_by from lake.ops.file_ledger order by load_id"
    ) == [(1, 4), (2, 3), (3, 4), (4, None)]
    assert zone.check_adds_up() == (1, 1, 1, 0)


def test_unknown_columns_are_added_and_told(zone: Zone) -> None:
    zone.put("x.jsonl", '{"id": 1, "Extra": "e", "_file": "f"}\n')
    assert zone.ingest()[0].new_columns == ("Extra", "source_file")
    zone.put("y.jsonl", '{"extra": "e2", "more": 1}\n')
    zone.put("z.csv", "ID;MORE\n3;m\n")
    assert [result.new_columns for result in zone.ingest()] == [("more",), ()]
    assert zone.lake.rows(
        'select id, "Extra", source_file, more, _line from lake.raw.a order by _file'
    ) == [("1", "e", "f", None, 1), (None, "e2", None, "1", 1), ("3", None, None, "m", 2)]


def test_too_many_columns_reject_the_file_that_brings_them(
    zone: Zone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit, "COLUMN_LIMIT", 3)
    zone.put("x.jsonl", '{"id": 1, "c": 1}\n')
    zone.put("y.jsonl", '{"id": 2, "d": 1}\n')
    first, second = zone.ingest()
    assert (first.status, second.status) == ("loaded", "rejected")
    assert "more than 3 columns" in str(second.reason)
    assert zone.check_adds_up() == (2, 1, 1, 0)


def test_a_source_may_declare_more_columns_later(
    zone: Zone, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone.put("x.jsonl", '{"id": 1}\n')
    zone.ingest()
    ensure_raw_table(zone.lake, Source(name="a", columns=("id", "text", "new")))
    # What is there needs no writer lock.
    monkeypatch.setattr(zone.lake, "write", None)
    ensure_raw_table(zone.lake, Source(name="a", columns=("id", "NEW")))
    assert zone.lake.rows("select id, new from lake.raw.a") == [("1", None)]


@on_folder_and_s3
def test_a_file_that_goes_away_is_skipped_and_nothing_else(zone: Zone) -> None:
    zone.put("x.jsonl", '{"id": 1}\n')
    zone.put("y.jsonl", '{"id": 2}\n')
    listed = zone.listed()
    zone.storage.remove("landing/a/x.jsonl")
    first, second = zone.ingest(listed)
    assert (first.status, first.reason) == ("skipped", "It is no longer there.")
    assert second.status == "loaded"
    assert zone.check_adds_up() == (1, 1, 1, 0)


def test_a_file_that_changes_while_it_is_read_is_left_for_the_next_run(
    zone: Zone, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = zone.put("x.jsonl", '{"id": 1}\n')

    def stage_and_change(*args: Any, **options: Any) -> Any:
        staged = stage_file(*args, **options)
        path.write_text('{"id": 1}\n{"id": 2}\n')
        return staged

    with monkeypatch.context() as patch:
        patch.setattr(preparation, "stage_file", stage_and_change)
        assert [(r.status, r.reason) for r in zone.ingest()] == [
            ("skipped", "It changed while it was read.")
        ]
    assert zone.check_adds_up() == (0, 0, 0, 0)
    assert zone.statuses() == ["loaded"]
    assert zone.check_adds_up() == (1, 2, 2, 0)


def test_two_runs_that_read_the_same_files_load_them_once(
    zone: Zone, lake_config: LakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone.put("x.jsonl", '{"id": 1}\n')
    zone.put("y.jsonl", '{"id": 2}\n')
    listed = zone.listed()

    def other_run_first(*args: Any) -> Any:
        monkeypatch.setattr(ingest, "commit_files", commit_files)
        return commit_files(*args)

    prepared: list[Any] = []

    def prepare_and_let_the_other_run(*args: Any, **options: Any) -> Any:
        prepared.append(prepare_file(*args, **options))
        if len(prepared) == 2:
            other = Lake(lake_config)
            monkeypatch.setattr(ingest, "prepare_file", prepare_file)
            done = ingest_files(other, SOURCE, listed[:1], landing=str(zone.folder))
            assert [result.status for result in done] == ["loaded"]
            other.close()
        return prepared[-1]

    monkeypatch.setattr(ingest, "commit_files", other_run_first)
    monkeypatch.setattr(ingest, "prepare_file", prepare_and_let_the_other_run)
    assert [result.status for result in zone.ingest(listed)] == ["unchanged", "loaded"]
    assert zone.check_adds_up() == (2, 2, 2, 0)


def test_threads_may_ingest_at_the_same_time(zone: Zone) -> None:
    for number in range(6):
        zone.put(f"{number}.jsonl", f'{{"id": {number}}}\n')
    listed = zone.listed()
    results: list[IngestResult] = []
    threads = [
        threading.Thread(target=lambda: results.extend(zone.ingest(listed))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result.status for result in results) == ["loaded"] * 6 + ["unchanged"] * 12
    assert zone.check_adds_up() == (6, 6, 6, 0)


def test_batches_are_bounded_and_each_result_is_reported_once_committed(
    zone: Zone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "_BATCH_FILES", 2)
    for number in range(5):
        zone.put(f"{number}.jsonl", f'{{"id": {number}}}\n')
    seen: list[tuple[str, int]] = []

    def watch(result: IngestResult) -> None:
        seen.append((result.file.key, zone.lake.rows("select count(*) from lake.raw.a")[0][0]))

    ingest_files(zone.lake, SOURCE, zone.listed(), landing=str(zone.folder), on_progress=watch)
    assert seen == [(f"a/{n}.jsonl", count) for n, count in enumerate([2, 2, 4, 4, 5])]


def test_load_ids_and_times_never_go_back(zone: Zone) -> None:
    zone.put("x.jsonl", '{"id": 1}\n')
    zone.ingest()
    with zone.lake.write("a clock that was ahead") as write:
        write.connection.execute(
            "update lake.ops.file_ledger set loaded_at = loaded_at + interval 1 day, load_id = 41"
        )
    zone.put("y.jsonl", '{"id": 2}\n')
    zone.ingest()
    assert zone.lake.rows(
        "select load_id, loaded_at = max(loaded_at) over () from lake.ops.file_ledger order by 1"
    ) == [(41, True), (42, True)]
    assert zone.lake.rows("select _loaded_at > now() from lake.raw.a where id = '2'") == [(True,)]


def test_rows_that_do_not_arrive_keep_everything_out(
    zone: Zone, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone.put("x.jsonl", '{"id": 1}\n')

    def lose_one(*args: Any, **options: Any) -> int:
        return insert_rows(*args, **options) - 1

    with monkeypatch.context() as patch:
        patch.setattr(commit, "insert_rows", lose_one)
        with pytest.raises(TidemarkError, match="1 rows were read, but 0 written"):
            zone.ingest()
    assert zone.check_adds_up() == (0, 0, 0, 0)
    assert list((zone.lake.config.state_folder / "scratch").iterdir()) == []
    assert zone.statuses() == ["loaded"]


def test_files_of_another_source_or_zone_are_refused(zone: Zone) -> None:
    zone.put("x.jsonl", "")
    with pytest.raises(TidemarkError, match="is a file of source 'a'"):
        ingest_files(zone.lake, SOURCE, zone.listed(), landing="/elsewhere")


# What a file may hold, and how many lines that is; None where it cannot be read.
_CONTENTS: dict[bytes, int | None] = {
    b"": 0,
    b'{"id": 1}\n': 1,
    b'{"id": 1}\n{"id": 2}\nbroken\n': 3,
    b"broken\n": 1,
    b'[{"id": 3}, 4, {"id"': 3,
    b"\x1f\x8bdamaged": None,
}


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_to_the_files_the_counts_stay_exact(zone: Zone, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a test's dice
    lines: dict[str, int] = {}
    for _ in range(8):
        for name in chance.sample(["x.jsonl", "y.jsonl", "z.jsonl", "deep/x.jsonl"], 2):
            content, count = chance.choice(list(_CONTENTS.items()))
            os.utime(zone.put(name, content), ns=(0, chance.randrange(10**18)))
            if count is not None:
                lines[name] = count
        zone.ingest()
        assert zone.ingest() == []
        assert zone.check_adds_up()[1] == sum(lines.values())


_INGEST = """
import os, signal, sys
from pathlib import Path
from lakehouse.config import LakeConfig, S3Config
from lakehouse.connection import Lake
from lakehouse.landing import commit, ingest, preparation
from lakehouse.landing.files import list_landed
from lakehouse.landing.ingest import ingest_files
from lakehouse.sources import Source

config, landing, place = sys.argv[1:]
counted = 0

def killing(function):
    def wrapped(*args, **options):
        global counted
        result = function(*args, **options)
        counted += 1
        if counted == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return wrapped

module, name = place.rsplit(".", 1)
module = {"ingest": ingest, "commit": commit, "preparation": preparation}[module]
setattr(module, name, killing(getattr(module, name)))
ingest._BATCH_FILES = 2
lake = Lake(LakeConfig.model_validate_json(config))
source = Source(name="a", columns=("id", "text"))
ingest_files(lake, source, list_landed(landing, "a", S3Config()), landing=landing)
"""


@pytest.mark.parametrize(
    ("place", "committed"),
    [
        ("preparation.stage_file", 0),
        ("ingest.prepare_file", 0),
        ("commit.insert_rows", 2),
        ("commit.enter", 2),
        ("ingest.commit_files", 2),
        ("ingest._committed", 4),
    ],
)
def test_killed_at_any_place_the_next_run_makes_it_exact(
    zone: Zone, lake_config: LakeConfig, place: str, committed: int
) -> None:
    for number in range(5):
        zone.put(f"{number}.jsonl", f'{{"id": {number}}}\nbroken\n')
    url = lake_config.postgres_url.get_secret_value()
    config = lake_config.model_dump(mode="json") | {"postgres_url": url}
    command = [sys.executable, "-c", _INGEST, _json(config), str(zone.folder), place]
    killed = subprocess.run(command, check=False, capture_output=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    scratch = lake_config.state_folder / "scratch"
    assert list(scratch.iterdir()) != []
    ensure_raw_table(zone.lake, SOURCE)
    assert zone.check_adds_up() == (committed, committed * 2, committed, committed)
    assert zone.statuses() == ["loaded"] * (5 - committed)
    assert zone.check_adds_up() == (5, 10, 5, 5)
    assert list(scratch.iterdir()) == []


def _json(config: dict[str, Any]) -> str:
    return json.dumps({name: value for name, value in config.items() if name != "s3"})


@pytest.mark.parametrize("order", [lambda files: files, lambda files: files[::-1]])
def test_results_come_in_the_order_asked(
    zone: Zone, order: Callable[[list[LandedFile]], list[LandedFile]]
) -> None:
    zone.put("x.jsonl", '{"id": 1}\n')
    zone.put("y.jsonl", '{"id": 2}\n')
    asked = order(zone.listed())
    assert [result.file for result in zone.ingest(asked)] == asked
