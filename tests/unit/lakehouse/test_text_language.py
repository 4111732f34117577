# ruff: noqa: RUF001 - Chinese has a comma of its own
import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from lakehouse.text.language import (
    LANGUAGES,
    MINIMUM_CONFIDENCE,
    UNDETERMINED,
    classify,
    detect_language,
    detect_languages,
)

SENTENCES = {
    "en": "The strings went out of tune after a week and nobody answered my emails.",
    "es": "El hotel estaba muy limpio y el personal nos trató de maravilla.",
    "pt": "O aplicativo não funciona mais depois da última atualização.",
    "fr": "Très déçu par la qualité, je ne recommande pas cet article.",
    "de": "Leider funktioniert die App seit dem letzten Update nicht mehr.",
    "it": "Ottimo prodotto, la spedizione è stata velocissima.",
    "ar": "التطبيق رائع جدا وسهل الاستخدام",
    "ru": "Отличное приложение, всем советую попробовать.",
    "zh": "这个应用程序非常好用，我每天都在使用。",
    "ja": "このアプリはとても便利で毎日使っています。",
}
# The same letters, their accents written as characters of their own.
DECOMPOSED = [unicodedata.normalize("NFD", SENTENCES[code]) for code in ("es", "pt", "fr")]


@pytest.fixture(scope="module")
def library() -> LanguageIdentifier:
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(LANGUAGES)
    return identifier


@pytest.mark.parametrize("language", SENTENCES)
def test_a_sentence_is_recognised(language: str) -> None:
    assert detect_language(SENTENCES[language]) == language


@pytest.mark.parametrize("text", ["", " ", "ok", "Good", "12345", "👍👍👍", "!!!", "\x00"])
def test_what_is_too_short_to_tell_is_undetermined(text: str) -> None:
    assert detect_language(text) == UNDETERMINED


@pytest.mark.parametrize("position", range(3))
def test_decomposed_accents_make_no_difference(position: int) -> None:
    composed = unicodedata.normalize("NFC", DECOMPOSED[position])
    assert classify([DECOMPOSED[position]])[1] == classify([composed])[1]


def test_shouting_is_recognised_as_the_same_language() -> None:
    assert detect_language(SENTENCES["es"].upper()) == "es"


def test_a_foreign_ending_far_into_the_text_does_not_count() -> None:
    assert detect_language(SENTENCES["en"] * 4 + SENTENCES["ru"] * 20) == "en"


def test_nulls_stay_null_in_their_places() -> None:
    texts = pa.array([None, SENTENCES["de"], None, "", SENTENCES["fr"], None])
    assert detect_languages(texts).to_pylist() == [None, "de", None, UNDETERMINED, "fr", None]


@pytest.mark.parametrize("texts", [[], [None], [None, None]])
def test_arrays_without_any_text_are_returned_as_strings(texts: list[None]) -> None:
    found = detect_languages(pa.array(texts, pa.string()))
    assert found.type == pa.string()
    assert found.to_pylist() == texts


def test_batches_and_chunks_do_not_change_the_answers() -> None:
    texts = [SENTENCES[code] for code in SENTENCES] * 250
    found = detect_languages(pa.chunked_array([texts[:700], texts[700:]]))
    assert found.to_pylist() == list(SENTENCES) * 250


@given(
    st.lists(
        st.one_of(st.text(max_size=60), st.sampled_from([*SENTENCES.values(), *DECOMPOSED])),
        max_size=12,
    )
)
def test_a_batch_is_classified_as_the_library_classifies_each_text(
    library: LanguageIdentifier, texts: list[str]
) -> None:
    _, confidence = classify(texts)
    expected = [library.classify(text) for text in texts]
    np.testing.assert_allclose(confidence, [p for _, p in expected], rtol=1e-3, atol=1e-5)
    sure = [position for position, (_, p) in enumerate(expected) if p >= MINIMUM_CONFIDENCE]
    languages, _ = classify(texts)
    assert [languages[p] for p in sure] == [expected[p][0] for p in sure]
