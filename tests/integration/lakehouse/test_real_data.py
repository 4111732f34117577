"""The real data sets, whose row counts their README states."""

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from lakehouse.config import S3Config
from lakehouse.connection import Lake
from lakehouse.landing.commit import IngestResult
from lakehouse.landing.files import land_files
from lakehouse.landing.ingest import ingest_files
from lakehouse.sources import Source

pytestmark = [pytest.mark.integration, pytest.mark.shared_data]

REVIEW_COLUMNS = (
    *("rating", "title", "text", "images", "asin", "parent_asin", "user_id", "timestamp"),
    *("helpful_vote", "verified_purchase"),
)


def _ingest(
    lake: Lake, tmp_path: Path, path: Path, columns: tuple[str, ...] = REVIEW_COLUMNS
) -> list[IngestResult]:
    landing = str(tmp_path / "landing")
    landed = land_files([path], source="a", landing=landing, s3=S3Config())
    results = ingest_files(lake, Source(name="a", columns=columns), landed, landing=landing)
    assert {result.status for result in results} == {"loaded"}
    assert all(not result.new_columns for result in results)
    return results


def _totals(results: list[IngestResult]) -> tuple[int, int]:
    return sum(result.loaded for result in results), sum(result.rejected for result in results)


@pytest.mark.parametrize(
    ("folder", "files", "rows"),
    [
        ("musical_instruments", 32, 10_261),
        ("all_beauty", 1, 5_269),
        ("play_store_amazon", 5, 10_000),
    ],
)
def test_reviews_are_loaded_line_by_line(
    lake: Lake, shared_data: Path, tmp_path: Path, *, folder: str, files: int, rows: int
) -> None:
    results = _ingest(lake, tmp_path, shared_data / "reviews" / folder)
    assert len(results) == files
    assert _totals(results) == (rows, 0)
    for path in (shared_data / "reviews" / folder).iterdir():
        _check_lines(lake, path)


def _check_lines(lake: Lake, path: Path) -> None:
    """Every line of the file stands in the raw table as it does in the file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        expected = [
            json.loads(line, parse_float=str, parse_int=str, parse_constant=str) for line in lines
        ]
    found = lake.rows(
        f"select {', '.join(REVIEW_COLUMNS)}, _line from lake.raw.a"
        " where _file = $1 order by _line",
        [f"a/{path.name}"],
    )
    assert [row[-1] for row in found] == list(range(1, len(expected) + 1))
    for row, review in zip(found, expected, strict=True):
        assert row[:-1] == tuple(_text(review[column]) for column in REVIEW_COLUMNS)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def test_utf16_exports_in_many_languages_are_loaded(
    lake: Lake, shared_data: Path, tmp_path: Path
) -> None:
    folder = shared_data / "reviews" / "kiwix_utf16"
    records: list[list[str]] = []
    for path in sorted(folder.iterdir()):
        with path.open(encoding="utf-16", newline="") as text:
            header, *rows = csv.reader(text)
            records += rows
    assert _totals(_ingest(lake, tmp_path, folder, tuple(header))) == (1_406, 0)
    quoted = ", ".join(f'"{name}"' for name in header)
    found = lake.rows(f"select {quoted} from lake.raw.a order by _file, _line")
    assert [[value or "" for value in row] for row in found] == records


def test_opinions_with_line_ends_inside_are_loaded(
    lake: Lake, shared_data: Path, tmp_path: Path
) -> None:
    path = shared_data / "reviews" / "spanish_tourism" / "meia_2025_train.csv.gz"
    columns = ("Review", "Polarity", "Town", "Region", "Type")
    assert _totals(_ingest(lake, tmp_path, path, columns)) == (5_000, 0)
    with gzip.open(path, "rt", encoding="utf-8", newline="") as text:
        reader = csv.reader(text)
        next(reader)
        starts, texts = [], []
        before = reader.line_num
        for record in reader:
            starts.append(before + 1)
            texts.append(record[0])
            before = reader.line_num
    found = lake.rows('select _line, "Review" from lake.raw.a order by _line')
    assert [row[0] for row in found] == starts
    assert [row[1] for row in found] == texts
    assert sum("\n" in row[1] for row in found) == 493


@pytest.mark.parametrize(
    ("path", "columns", "rows"),
    [
        ("fx/fred/DEXMXUS.csv", ("DATE", "DEXMXUS"), 7_790),
        ("fx/banxico_sie/SF43718.json.gz", ("bmx",), 1),
        ("drift/nyc_taxi.csv", ("timestamp", "value"), 10_320),
    ],
)
def test_other_sets_are_loaded(
    lake: Lake, shared_data: Path, tmp_path: Path, *, path: str, columns: tuple[str, ...], rows: int
) -> None:
    assert _totals(_ingest(lake, tmp_path, shared_data / path, columns)) == (rows, 0)
