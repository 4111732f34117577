import json
from pathlib import Path

import pytest

from lakehouse.config import S3Config
from lakehouse.connection import Lake
from lakehouse.landing.files import list_landed
from lakehouse.landing.ingest import ingest_files
from lakehouse.landing.ledger import pending_files
from lakehouse.landing.raw_table import ensure_raw_table
from lakehouse.profiles import ColumnProfile, profile_source
from lakehouse.sources import Source
from tests.storage import on_folder_and_s3

pytestmark = pytest.mark.integration

SOURCE = Source(
    name="a",
    columns=("rating", "text", "never"),
    completeness={"rating": 0.75, "text": 0.8},
    formats={"rating": "[1-5]"},
)


def _ingest(lake: Lake, folder: Path, name: str, content: str) -> None:
    (folder / "a").mkdir(parents=True, exist_ok=True)
    (folder / "a" / name).write_text(content)
    pending = pending_files(lake, list_landed(str(folder), "a", S3Config()))
    ingest_files(lake, SOURCE, pending, landing=str(folder))


def _profiled(lake: Lake) -> dict[str, ColumnProfile]:
    return {profile.column_name: profile for profile in profile_source(lake, SOURCE)}


@on_folder_and_s3
def test_each_column_is_described(lake: Lake, tmp_path: Path) -> None:
    rows = [
        {"rating": 5, "text": "good", "extra": "x"},
        {"rating": 10, "text": "good", "extra": "x" * 200},
        {"rating": None, "text": " \t\n"},
        {"rating": 4, "text": "ñandú"},
    ]
    _ingest(lake, tmp_path, "x.jsonl", "\n".join(map(json.dumps, rows)))
    profiles = _profiled(lake)
    assert list(profiles) == ["rating", "text", "never", "extra"]

    rating = profiles["rating"]
    assert (rating.rows, rating.nulls, rating.null_share) == (4, 1, 0.25)
    assert (rating.minimum, rating.maximum) == ("4", "10")
    assert (rating.format, rating.format_mismatches) == ("[1-5]", 1)
    assert (rating.completeness, rating.completeness_threshold) == (0.75, 0.75)
    assert rating.complete

    text = profiles["text"]
    assert (text.nulls, text.distinct_count) == (1, 2)
    assert (text.minimum, text.maximum) == ("good", "ñandú")
    assert (text.shortest, text.longest) == (4, 5)
    assert text.mean_length == pytest.approx(13 / 3)
    assert json.loads(text.top_values) == ["good", "ñandú"]
    assert (text.format_mismatches, text.complete) == (None, False)

    never = profiles["never"]
    assert (never.nulls, never.distinct_count, never.top_values) == (4, 0, "[]")
    assert (never.minimum, never.shortest, never.mean_length) == (None, None, None)

    extra = profiles["extra"]
    assert extra.longest == 200
    assert extra.maximum == "x" * 80
    assert extra.completeness_threshold == 0.8


def test_profiles_are_kept_with_their_load(lake: Lake, tmp_path: Path) -> None:
    _ingest(lake, tmp_path, "x.jsonl", '{"rating": 1}\n')
    assert len(_profiled(lake)) == 3
    stored = lake.rows(
        "select column_name, rows, nulls, top_values, complete, load_id"
        " from lake.monitoring.profiles order by all"
    )
    assert stored == [
        ("never", 1, 1, "[]", False, 1),
        ("rating", 1, 0, '["1"]', True, 1),
        ("text", 1, 1, "[]", False, 1),
    ]


def test_a_source_without_a_new_load_is_skipped(lake: Lake, tmp_path: Path) -> None:
    assert _profiled(lake) == {}
    ensure_raw_table(lake, SOURCE)
    assert _profiled(lake) == {}
    _ingest(lake, tmp_path, "x.jsonl", '{"rating": 1}\n')
    assert _profiled(lake) != {}
    before = lake.snapshot_id()
    assert _profiled(lake) == {}
    assert lake.snapshot_id() == before
    _ingest(lake, tmp_path, "broken.jsonl.gz", "PK\x03\x04")
    assert _profiled(lake) == {}
    _ingest(lake, tmp_path, "y.jsonl", '{"rating": 2}\n')
    assert _profiled(lake)["rating"].rows == 2


def test_a_load_without_rows_has_no_shares(lake: Lake, tmp_path: Path) -> None:
    _ingest(lake, tmp_path, "x.jsonl", "")
    rating = _profiled(lake)["rating"]
    assert (rating.rows, rating.nulls) == (0, 0)
    assert (rating.null_share, rating.completeness, rating.complete) == (None, None, None)
