import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.text.statistics import STATISTICS, text_statistics, texts_statistics


def counted_one_by_one(text: str | None) -> dict[str, int] | None:
    if text is None:
        return None
    categories = [unicodedata.category(character) for character in text]
    return {
        "characters": len(text),
        "words": len(text.split()),
        "letters": sum(category.startswith("L") for category in categories),
        "uppercase_letters": categories.count("Lu"),
        "digits": sum(map(str.isdecimal, text)),
        "exclamation_marks": text.count("!"),
        "question_marks": text.count("?"),
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "a",
        " a ",
        "a\u00a0b\u3000c",
        "ÑANDÚ ñandú",
        "٣ ½ ² Ⅷ Ⓐ ǅ",
        "中文 𠀀",
        "👍🏽!",
        "\x00?",
        "\U0010ffff",
    ],
)
def test_boundary_texts_are_counted(text: str) -> None:
    assert text_statistics(text) == counted_one_by_one(text)


@given(st.lists(st.one_of(st.none(), st.text(st.characters(codec="utf-8"), max_size=12))))
def test_texts_are_counted_without_regard_to_their_neighbours(texts: list[str | None]) -> None:
    found = texts_statistics(pa.array(texts, pa.string()))
    assert found.to_pylist() == [counted_one_by_one(text) for text in texts]


def test_every_code_point_is_classified_as_unicode_classifies_it() -> None:
    by_category: dict[str, list[str]] = {}
    for code in range(0x110000):
        if not 0xD800 <= code <= 0xDFFF:
            by_category.setdefault(unicodedata.category(chr(code)), []).append(chr(code))
    texts = ["".join(characters) for characters in by_category.values()]
    assert texts_statistics(pa.array(texts)).to_pylist() == [counted_one_by_one(t) for t in texts]


def test_chunks_are_joined() -> None:
    found = texts_statistics(pa.chunked_array([["a b"], [], [None, "c"]], pa.string()))
    assert [row and row["words"] for row in found.to_pylist()] == [2, None, 1]
    assert found.type == pa.struct([(name, pa.int32()) for name in STATISTICS])
