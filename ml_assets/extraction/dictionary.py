"""Fields whose values are words of a dictionary, found all at once by an Aho-Corasick automaton."""

from collections.abc import Iterator, Mapping, Sequence

from ml_assets.extraction.folding import folded
from ml_assets.extraction.mention import Mention
from ml_assets.spec.extraction_sections import ExtractionField


class DictionaryMatcher:
    """Finds the whole words and phrases that stand for a field's values."""

    def __init__(self, declared: ExtractionField) -> None:
        import ahocorasick_rs

        self._case, self._accents = declared.ignore_case, declared.ignore_accents
        values = surface_values(declared)
        self._values = list(values.values())
        # All that overlap, or a part of another word would hide a word: "e string" in "the string".
        self._automaton = ahocorasick_rs.AhoCorasick(
            list(values), matchkind=ahocorasick_rs.MatchKind.Standard
        )

    def find(self, texts: Sequence[str | None]) -> list[list[Mention]]:
        """The mentions in each text."""
        return [list(self._mentions(text)) if text else [] for text in texts]

    def _mentions(self, text: str) -> Iterator[Mention]:
        plain = folded(text, case=self._case, accents=self._accents)
        found = self._automaton.find_matches_as_indexes(plain, overlapping=True)
        if not found:
            return
        whole = [hit for hit in found if is_whole(plain, hit[1], hit[2])]
        after = 0
        for index, start, end in sorted(whole, key=lambda hit: (hit[1], -hit[2])):
            if start >= after:
                after = end
                yield Mention(self._values[index], start, end)


def surface_values(declared: ExtractionField) -> Mapping[str, str]:
    """The value by surface form, as the forms are looked for."""
    return {
        folded(form, case=declared.ignore_case, accents=declared.ignore_accents): value
        for value, forms in (declared.dictionary or {}).items()
        for form in forms
    }


def is_whole(text: str, start: int, end: int) -> bool:
    """Whether no letter or digit touches what stands between the two places.

    Where the form itself ends in another character, as "C#" does, its neighbour may be anything.

    >>> is_whole("the strings", 4, 10), is_whole("the strings", 4, 11), is_whole("C#m", 0, 2)
    (False, True, True)
    """
    before = start == 0 or not (text[start].isalnum() and text[start - 1].isalnum())
    return before and (end == len(text) or not (text[end - 1].isalnum() and text[end].isalnum()))
