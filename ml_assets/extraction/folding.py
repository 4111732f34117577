"""Texts without case and accents, character by character, so that places stay what they are."""

import unicodedata
from functools import cache


def folded(text: str, *, case: bool, accents: bool) -> str:
    """The text with as many characters as before, in small letters and without accents as asked.

    Full case folding turns one character into two here and there; such characters stay.

    >>> folded("Sintonía FÁCIL, İstanbul", case=True, accents=True)
    'sintonia facil, istanbul'
    >>> folded("Sintonía", case=False, accents=False)
    'Sintonía'
    """
    if text.isascii():
        return text.lower() if case else text
    return text.translate(_folding(case, accents))


class _Folding(dict[int, str]):
    """What stands for each character, worked out when it is first met."""

    def __init__(self, *, case: bool, accents: bool) -> None:
        super().__init__()
        self._case, self._accents = case, accents

    def __missing__(self, code: int) -> str:
        self[code] = found = self._folded(chr(code))
        return found

    def _folded(self, character: str) -> str:
        found = character
        if self._accents:
            parted = unicodedata.normalize("NFD", character)
            # A syllable of Hangul falls into letters, not into a letter and its accents.
            found = parted[0] if all(map(unicodedata.combining, parted[1:])) else found
        lowered = found.lower() if self._case else found
        return lowered if len(lowered) == 1 else found


@cache
def _folding(case: bool, accents: bool) -> _Folding:  # noqa: FBT001 - cached by position
    return _Folding(case=case, accents=accents)
