"""The Spanish reviews and the Play Console exports, by their declarations alone."""

import csv
import gzip
import io
from pathlib import Path

import pytest

from dagster_project.settings import PROJECT_ROOT
from lakehouse.config import S3Config
from lakehouse.connection import Lake
from lakehouse.feeds.loading import load_feeds
from lakehouse.landing.files import land_files, list_sources
from lakehouse.landing.ingest import ingest_files
from lakehouse.sources import load_sources, with_feeds

pytestmark = [pytest.mark.integration, pytest.mark.shared_data]


def _records(content: bytes, encoding: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(encoding), newline="")))


def test_every_record_of_the_real_files_becomes_a_review(
    lake: Lake, shared_data: Path, tmp_path: Path
) -> None:
    tables = load_sources(PROJECT_ROOT / "dbt_project")
    feeds = load_feeds(PROJECT_ROOT / "sources", tables).specs
    reviews = with_feeds(tables, feeds.values())["reviews"]
    landing = str(tmp_path)
    tourism = shared_data / "reviews/spanish_tourism/meia_2025_train.csv.gz"
    exports = sorted((shared_data / "reviews/kiwix_utf16").iterdir())
    land_files([tourism], source="spanish_tourism", landing=landing, s3=S3Config())
    land_files(exports, source="kiwix_play", landing=landing, s3=S3Config())

    listed = list_sources(landing, [reviews], S3Config())
    results = ingest_files(lake, reviews, listed, landing=landing)
    assert {result.status for result in results} == {"loaded"}
    counts = lake.rows(
        "select split_part(file, '/', 1), sum(lines), sum(loaded), sum(rejected)"
        " from lake.ops.file_ledger where source = 'reviews' group by 1 order by 1"
    )
    assert counts == [("kiwix_play", 1406, 1406, 0), ("spanish_tourism", 5000, 5000, 0)]

    query = (
        "select rating, text, asin, user_id, timestamp, title from lake.raw.reviews"
        " where starts_with(_file, ?) order by _file, _line"
    )
    wanted = _records(gzip.decompress(tourism.read_bytes()), "utf-8")
    assert sum("\n" in row["Review"] for row in wanted) == 493
    assert lake.rows(query, ["spanish_tourism/"]) == [
        (row["Polarity"], row["Review"], row["Town"], "rest_mex_2025", "1735689600000", None)
        for row in wanted
    ]
    rows = [row for file in exports for row in _records(file.read_bytes(), "utf-16")]
    assert lake.rows(query, ["kiwix_play/"]) == [
        (
            row["Star Rating"],
            row["Review Text"] or None,
            row["Package Name"],
            "google_play",
            row["Review Submit Millis Since Epoch"],
            row["Review Title"] or None,
        )
        for row in rows
    ]
    # More than half have no text: dbt puts them into quarantine, by name of the rule.
    assert sum(not row["Review Text"] for row in rows) == 800
