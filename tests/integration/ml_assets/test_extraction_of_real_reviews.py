"""The documented example on real reviews, against a plain reading of the same texts."""

import csv
import gzip
import json
import re
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest

from ml_assets.extraction.extractor import Extractor, values_by_field
from ml_assets.extraction.scoring import extract_batch
from ml_assets.spec.loading import parse_spec

pytestmark = [pytest.mark.integration, pytest.mark.shared_data]
EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "review_mentions.yaml"


@pytest.fixture(scope="module")
def spec():
    parsed = parse_spec(EXAMPLE.read_text(), EXAMPLE.name)
    assert parsed.errors == ()
    return parsed.spec


@pytest.fixture(scope="module")
def reviews(shared_data) -> list[tuple[str | None, str | None]]:
    """Titles and texts of 1,900 reviews of instruments and 600 Spanish opinions."""
    found = []
    for file in sorted((shared_data / "reviews" / "musical_instruments").glob("*_2013-0*.gz"))[:5]:
        with gzip.open(file, "rt") as lines:
            found += [(row.get("title"), row.get("text")) for row in map(json.loads, lines)]
    spanish = shared_data / "reviews" / "spanish_tourism" / "meia_2025_train.csv.gz"
    with gzip.open(spanish, "rt", newline="") as file:
        rows = csv.DictReader(file)
        return found[:1900] + [(None, next(rows)["Review"]) for _ in range(600)]


def _mentions(spec, reviews):
    texts = {"title": [title for title, _ in reviews], "text": [text for _, text in reviews]}
    return Extractor(spec.extraction).mentions(texts)


def test_the_parts_are_those_that_one_large_pattern_finds(spec, reviews):
    dictionary = spec.extraction.fields["part"].dictionary
    values = {form: value for value, forms in dictionary.items() for form in forms}
    forms = sorted(values, key=len, reverse=True)
    # Python's own engine, which knows all letters; accents are put aside by leaving such texts out.
    pattern = re.compile(rf"(?<![^\W_])(?:{'|'.join(map(re.escape, forms))})(?![^\W_])", re.I)
    compared = 0
    for (title, text), found in zip(reviews, _mentions(spec, reviews), strict=True):
        if not (title or "").isascii() or not (text or "").isascii():
            continue
        expected = [
            (column, match.start(), match.end(), values[match.group().lower()])
            for column, content in (("title", title), ("text", text))
            for match in pattern.finditer(content or "")
        ]
        ours = [
            (one.column, one.mention.start, one.mention.end, one.mention.value)
            for one in found
            if one.field == "part"
        ]
        assert ours == expected
        compared += len(ours)
    assert compared > 3_000


def test_every_mention_stands_where_it_says(spec, reviews):
    prices = 0
    for (title, text), found in zip(reviews, _mentions(spec, reviews), strict=True):
        places = [
            (one.column, one.mention.start, one.mention.end) for one in found if one.field == "part"
        ]
        for (left, _, end), (right, start, _) in pairwise(places):
            assert left != right or end <= start
        for one in found:
            content = {"title": title, "text": text}[one.column]
            surface = content[one.mention.start : one.mention.end]
            if one.field == "price":
                prices += 1
                digits = re.sub(r"\D", "", surface)
                assert digits.startswith(re.sub(r"\D", "", one.mention.value))
                assert re.search(r"[$€£]|dollar|buck|usd|euro|peso|mxn", surface, re.I), surface
    assert prices > 150


def test_prices_that_were_read_by_hand(spec):
    texts = {
        "this DVD and it cost me $3 used.": ["3"],
        "A good $1,299.95 amp, or 20 bucks": ["1299.95", "20"],
        "costó 1.500 pesos, no 12,50 €": ["1500", "12.5"],
        "US$ 15 vs. 15 strings": ["15"],
        "the 5th fret, 25 cents": [],
    }
    rows = _mentions(spec, [(None, text) for text in texts])
    assert [values_by_field(row).get("price", []) for row in rows] == list(texts.values())


def test_a_batch_becomes_rows_of_the_table(spec, reviews):
    batch = pa.RecordBatch.from_pydict(
        {
            "review_id": [str(index) for index in range(200)],
            "title": [title for title, _ in reviews[:200]],
            "text": [text for _, text in reviews[:200]],
        }
    )
    provenance = {
        "entity_key": "review_id", "model_version": 3, "spec_hash": "s", "features_version": "f",
        "snapshot_id": 9, "scored_at": "2026-06-01T00:00:00+00:00", "run_id": "r",
    }  # fmt: skip
    rows = extract_batch(Extractor(spec.extraction), batch, provenance).to_pylist()
    named = [row for row in rows if dict(row["found"]).get("part")]
    assert len(named) > 100
    for row in named:
        parts = [one["value"] for one in row["mentions"] if one["field"] == "part"]
        assert list(dict.fromkeys(parts)) == dict(row["found"])["part"]
