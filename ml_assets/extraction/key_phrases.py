"""Key phrases by RAKE: runs of words between stop words, scored by the company their words keep.

Source: Rose, Engel, Cramer and Cowley, "Automatic Keyword Extraction from Individual Documents",
in Berry and Kogan (eds.), "Text Mining: Applications and Theory", Wiley 2010, chapter 1. It looks
at one text at a time, so that a row's phrases never depend on which rows come with it. The packages
for it are no longer kept, copyleft, or a hundred times slower; the stop words are a package's.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache

from ml_assets.extraction.mention import Mention
from ml_assets.spec.extraction_sections import KeyPhrases

# A word, its inner apostrophes and hyphens included, or a mark that parts phrases.
_TOKEN = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*|[^\w\s]")
Span = tuple[int, int]


class KeyPhraseMatcher:
    """Finds the phrases that say most about each text."""

    def __init__(self, declared: KeyPhrases) -> None:
        self._declared = declared

    def find(self, texts: Sequence[str | None]) -> list[list[Mention]]:
        """The phrases of each text, the best first, each where it stands first; scores as numbers.

        A text of a language that is not declared has none.
        """
        languages = self._languages(texts)
        return [
            key_phrases(text, stop_words(language), self._declared) if text and language else []
            for text, language in zip(texts, languages, strict=True)
        ]

    def _languages(self, texts: Sequence[str | None]) -> list[str | None]:
        declared = self._declared.languages
        if len(declared) == 1:
            return [declared[0]] * len(texts)
        import pyarrow as pa

        from lakehouse.text.language import UNDETERMINED, detect_languages

        found = detect_languages(pa.array(texts, pa.string())).to_pylist()
        return [
            declared[0] if code == UNDETERMINED else code if code in declared else None
            for code in found
        ]


@cache
def stop_words(language: str) -> frozenset[str]:
    """The words of the language that end a phrase, in small letters."""
    import stopwordsiso

    return frozenset(stopwordsiso.stopwords(language))


def key_phrases(text: str, stop: frozenset[str], declared: KeyPhrases) -> list[Mention]:
    """The best phrases of the text with their scores, the best first, ties as they stand.

    A word's score is its degree (the words of all candidates that it stands in) over its number of
    occurrences; a candidate's is the sum of its words'. Candidates longer than `longest` are left
    out.

    >>> words = frozenset({"the", "of", "is", "and"})
    >>> found = key_phrases("The neck pickup is bright and the neck is thin", words, KeyPhrases())
    >>> [(mention.value, mention.number) for mention in found]
    [('neck pickup', 3.5), ('neck', 1.5), ('bright', 1.0), ('thin', 1.0)]
    """
    candidates = list(_candidates(text, stop, declared.longest))
    frequency: Counter[str] = Counter()
    degree: Counter[str] = Counter()
    places: dict[str, Span] = {}
    for phrase, words, place in candidates:
        places.setdefault(phrase, place)
        frequency.update(words)
        for word in words:
            degree[word] += len(words)
    scores = {
        phrase: sum(degree[word] / frequency[word] for word in words)
        for phrase, words, _ in candidates
    }
    ranked = sorted(places, key=lambda phrase: -scores[phrase])
    return [Mention(phrase, *places[phrase], scores[phrase]) for phrase in ranked[: declared.most]]


def _candidates(
    text: str, stop: frozenset[str], longest: int
) -> Iterator[tuple[str, list[str], Span]]:
    """The runs of words between stop words and marks, in small letters, with their places."""
    words: list[str] = []
    start = end = 0
    for match in _TOKEN.finditer(text):
        word = match.group().lower()
        if word not in stop and len(word) > 1 and word[0].isalpha():
            if not words:
                start = match.start()
            words.append(word)
            end = match.end()
            continue
        if 0 < len(words) <= longest:
            yield " ".join(words), words, (start, end)
        words = []
    if 0 < len(words) <= longest:
        yield " ".join(words), words, (start, end)
