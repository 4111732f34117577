"""Fields drawn from texts: what is found, where it stands, and what is not taken for a mention."""

import time
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.extraction.extractor import Extractor, values_by_field
from ml_assets.extraction.folding import folded
from ml_assets.extraction.key_phrases import key_phrases, stop_words
from ml_assets.extraction.values import number_of
from ml_assets.spec.extraction_sections import Extraction, KeyPhrases

PRICE = r"(?P<currency>\$|€)\s?(?P<value_1>\d[\d.,]*\d|\d)|(?P<value_2>\d+) (?P<unit>dollars|pesos)"
PARTS = {
    "string": ["string", "strings", "cuerda", "cuerdas"],
    "e string": ["e string"],
    "neck": ["neck", "mástil"],
    "gig bag": ["gig bag", "bag"],
}


def extract(fields: dict, *texts: str | None, title: list[str | None] | None = None):
    columns = ["title", "text"] if title else ["text"]
    extractor = Extractor(Extraction.model_validate({"columns": columns, "fields": fields}))
    found = {"text": list(texts)} | ({"title": title} if title else {})
    return extractor.mentions(found)


def spans(fields: dict, text: str) -> list[tuple[str, str]]:
    """Each value with what stands at its place."""
    (row,) = extract(fields, text)
    return [(one.mention.value, text[one.mention.start : one.mention.end]) for one in row]


def test_a_pattern_gives_number_place_and_named_parts() -> None:
    fields = {"price": {"pattern": PRICE, "type": "number"}}
    text = "Año: costó $1,299.95, not 20 dollars"
    (row,) = extract(fields, text)
    assert [one.mention.number for one in row] == [1299.95, 20.0]
    assert [one.mention.parts for one in row] == [(("currency", "$"),), (("unit", "dollars"),)]
    assert spans(fields, text) == [("1299.95", "$1,299.95"), ("20", "20 dollars")]


def test_places_count_characters_not_bytes() -> None:
    assert spans({"part": {"dictionary": PARTS}}, "🎸🎸 El MÁSTIL y la Cuerda") == [
        ("neck", "MÁSTIL"),
        ("string", "Cuerda"),
    ]
    assert spans({"n": {"pattern": r"\d+"}}, "ñandú 🎸 42") == [("42", "42")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("stringent", []),
        ("g-strings", ["string"]),
        ("the string", ["string"]),  # not "e string" out of its middle
        ("an E string", ["e string"]),  # the longer of two that overlap
        ("a gig bag", ["gig bag"]),
        ("cuerdá", ["string"]),
        ("", []),
    ],
)
def test_a_dictionary_takes_whole_words_and_the_longest(text: str, found: list[str]) -> None:
    assert [value for value, _ in spans({"part": {"dictionary": PARTS}}, text)] == found


def test_case_and_accents_count_where_they_are_asked_to() -> None:
    exact = {"dictionary": {"amp": ["Amp"]}, "ignore_case": False}
    assert [value for value, _ in spans({"f": exact}, "Amp amp AMP")] == ["amp"]
    accents = {"dictionary": {"year": ["año"]}, "ignore_accents": False}
    assert [place for _, place in spans({"f": accents}, "ano Año")] == ["Año"]


def test_what_cannot_be_read_as_the_type_is_counted_and_no_mention() -> None:
    field = {"pattern": r"\d\d/\d\d/\d{4}", "type": "date", "formats": ["%d/%m/%Y"]}
    extraction = Extraction.model_validate({"columns": ["text"], "fields": {"day": field}})
    extractor = Extractor(extraction)
    (row,) = extractor.mentions({"text": ["on 31/02/2025 or 28/02/2025"]})
    assert [one.mention.value for one in row] == ["2025-02-28"]
    assert extractor.unread == 1


def test_a_single_field_keeps_the_first_mention_by_column_and_place() -> None:
    fields = {"part": {"dictionary": PARTS, "cardinality": "one"}}
    found = extract(fields, "strings", None, title=["my neck and strings", None])
    assert [[one.mention.value for one in row] for row in found] == [["neck"], []]
    assert found[0][0].column == "title"


def test_a_pattern_that_kills_a_backtracking_engine_is_harmless() -> None:
    started = time.perf_counter()
    extract({"f": {"pattern": r"(a+)+$"}}, "a" * 50_000 + "b")
    assert time.perf_counter() - started < 2


def test_the_language_is_of_all_texts_and_stands_nowhere() -> None:
    found = extract(
        {"language": {"language": True}},
        "La vista desde la terraza es preciosa", "ok", None,
        title=["Muy bonito todo", None, None],
    )  # fmt: skip
    assert [[one.mention.value for one in row] for row in found] == [["es"], [], []]
    assert found[0][0][1:] == (None, ("es", None, None, None, ()))


def test_key_phrases_rank_by_the_company_that_words_keep() -> None:
    """The example of the paper's chapter: degree over frequency, summed over a phrase's words."""
    text = "Compatibility of systems of linear constraints over the set of natural numbers"
    stop = frozenset({"of", "over", "the"})
    found = {one.value: one.number for one in key_phrases(text, stop, KeyPhrases(most=10))}
    assert found == {
        "linear constraints": 4.0, "natural numbers": 4.0, "compatibility": 1.0, "systems": 1.0,
        "set": 1.0,
    }  # fmt: skip


def test_key_phrases_are_of_the_texts_own_language() -> None:
    fields = {"phrases": {"key_phrases": {"most": 3, "languages": ["en", "es"]}}}
    rows = extract(
        fields,
        "El sonido de la guitarra acústica es impresionante y muy limpio",
        "Der warme Klang der Gitarre gefällt mir und auch meinen Freunden wirklich sehr",
    )
    spanish, german = (values_by_field(row).get("phrases", []) for row in rows)
    assert "guitarra acústica" in spanish
    assert german == []
    assert "de" in stop_words("es")


@given(st.text(max_size=60))
def test_folding_keeps_every_place(text: str) -> None:
    assert len(folded(text, case=True, accents=True)) == len(text)


@given(st.text(alphabet="aábcdeénstrigk .,$€0123456789🎸ñ\n", max_size=80))
def test_every_mention_lies_within_its_text(text: str) -> None:
    fields = {
        "price": {"pattern": PRICE, "type": "number"},
        "part": {"dictionary": PARTS},
        "phrases": {"key_phrases": {"languages": ["en"]}},
    }
    (row,) = extract(fields, text)
    for one in row:
        assert 0 <= one.mention.start < one.mention.end <= len(text)
    parts = [one.mention for one in row if one.field == "part"]
    assert all(left.end <= right.start for left, right in pairwise(parts))


@pytest.mark.parametrize(
    ("text", "decimal", "number"),
    [
        ("1.299,95", "either", 1299.95),
        ("1.299", "either", 1299.0),
        ("1.299", "point", 1.299),
        ("1,5", "either", 1.5),
        ("1.5", "comma", 15.0),
        ("12.5.1", "point", None),
        ("1,2,3.4", "either", 123.4),
        ("-3", "either", -3.0),
        ("abc", "either", None),
    ],
)
def test_numbers_are_read_as_people_write_them(text, decimal, number) -> None:
    assert number_of(text, decimal) == number


def test_rows_keep_their_order_and_number() -> None:
    table = pa.table({"text": ["a string", None, "", "neck"]})
    fields = {"part": {"dictionary": PARTS}}
    extractor = Extractor(Extraction.model_validate({"columns": ["text"], "fields": fields}))
    rows = extractor.mentions(extractor.texts(table))
    assert [values_by_field(row) for row in rows] == [
        {"part": ["string"]}, {}, {}, {"part": ["neck"]},
    ]  # fmt: skip
