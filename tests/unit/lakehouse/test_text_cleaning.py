# ruff: noqa: RUF001 - look-alike characters are the subject
import re

import ftfy
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lakehouse.text import cleaning
from lakehouse.text.cleaning import clean_text, clean_texts

# The characters that ftfy's own rules speak of.
MOJIBAKE = set("".join(ftfy.badness.MOJIBAKE_CATEGORIES.values()) + "ÂÃÎÐ€œŠšØÙ√‚Ä вЂГўβ€ā°× a.")


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("It&#39;s &quot;5&#34; &lt;wide&gt;", 'It\'s "5" <wide>'),
        ("&iexcl;hola! &#x20AC;5", "¡hola! €5"),
        ("R&amp;amp;D", "R&D"),
        ("&amp;amp;amp;", "&amp;"),
        ("rock&parades; fish&chips; &copy2024", "rock&parades; fish&chips; &copy2024"),
        ("&#0;&#1;&#xD800;", "\ufffd\ufffd"),
    ],
)
def test_entities_are_decoded_twice_at_most_and_only_when_complete(dirty: str, clean: str) -> None:
    assert clean_text(dirty) == clean


@pytest.mark.parametrize(
    "clean",
    [
        "Una opinión pequeña: ¡qué niño!",
        "La habitación está en el último piso, señor",
        "Ganz schön übel, aber heiß",
        "Não é à toa, coração",
        "C’est déjà l’été…",
    ],
)
def test_text_decoded_as_the_wrong_encoding_is_repaired(clean: str) -> None:
    assert clean_text(clean.encode().decode("latin-1")) == clean
    assert clean_text(clean) == clean


def test_a_windows_control_character_becomes_what_was_typed() -> None:
    assert clean_text("y así fue\x85 y \x93nada\x94") == "y así fue… y “nada”"


@pytest.mark.parametrize(
    "text",
    ["“curly” ‘quotes’", "ｗｉｄｅ", "ﬁne", "e\u0301", "naïve Ã", "👍🏽", "می‌خواهم", "R&D"],
)
def test_style_is_not_touched(text: str) -> None:
    assert clean_text(text) == text.strip()


def test_line_ends_are_normalised_and_control_characters_go() -> None:
    assert clean_text("\ufeff a\r\nb\rc\u2028d\te\x00\x1b\x7f \n") == "a\nb\nc\nd\te"


@pytest.mark.parametrize("blank", ["", " ", "\t\r\n", "\x00", "&nbsp;", "\u3000"])
def test_blank_text_becomes_empty(blank: str) -> None:
    assert clean_text(blank) == ""


def test_nulls_stay_null_in_their_places() -> None:
    texts = pa.array([None, "a&amp;b", None, " x", "untouched", None])
    assert clean_texts(texts).to_pylist() == [None, "a&b", None, "x", "untouched", None]


@pytest.mark.parametrize("texts", [[], [None], ["plain"]])
def test_arrays_with_nothing_to_do_are_returned_as_they_are(texts: list[str | None]) -> None:
    array = pa.array(texts, pa.string())
    assert clean_texts(array).equals(array)


def test_chunks_are_joined() -> None:
    texts = pa.chunked_array([["a "], [], [None, "&lt;"]], pa.string())
    assert clean_texts(texts).to_pylist() == ["a", None, "<"]


fragments = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["&amp;", "&#39;", "Ã©", "â€™", "\r\n", "\x85", " ", "\u2028", "ñ", "&lt;b&gt;"]
    ),
)


@given(st.lists(st.one_of(st.none(), st.lists(fragments).map("".join)), max_size=8))
@example(["a\u2028b", "a\x0bb", "a\x7fb", "a\x85b", "\ufeffab", "a\u3000", "a\n", "\ta", "aÃ b"])
def test_an_array_is_cleaned_as_its_elements_are(texts: list[str | None]) -> None:
    cleaned = clean_texts(pa.array(texts, pa.string()))
    assert cleaned.to_pylist() == [clean_text(text) for text in texts]


@given(st.lists(fragments).map("".join))
def test_clean_text_has_no_control_characters_and_no_margins(text: str) -> None:
    clean = clean_text(text)
    assert clean is not None
    assert clean == clean.strip()
    assert not any(ord(c) < 32 and c not in "\t\n" for c in clean)
    assert "\x85" not in clean


@given(st.lists(st.one_of(fragments, st.sampled_from(sorted(MOJIBAKE)))).map("".join))
@example("aÃ b")
@example("a Â b")
@example("Ã a")
@example("Œ.")
@example("œ ")
@example("\x9f")
def test_the_quick_look_for_mojibake_misses_nothing(text: str) -> None:
    assert ftfy.badness.is_bad(text) <= bool(re.search(cleaning._MOJIBAKE, text))
