"""Texts without case and accents, character by character, so that places stay what they are."""

import unicodedata
from functools import lru_cache


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
    return "".join([_folded(character, case, accents) for character in text])


@lru_cache(maxsize=65_536)
def _folded(character: str, case: bool, accents: bool) -> str:  # noqa: FBT001 - cached by position
    found = character
    if accents:
        parted = unicodedata.normalize("NFD", character)
        # A syllable of Hangul falls into letters, not into a letter and its accents.
        found = parted[0] if all(map(unicodedata.combining, parted[1:])) else found
    lowered = found.lower() if case else found
    return lowered if len(lowered) == 1 else found
