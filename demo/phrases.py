"""From the words of a language to pools of ready sentences, titles and one-word texts."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from itertools import product
from random import Random
from typing import Final

import numpy as np
import numpy.typing as npt

from demo.english import ENGLISH
from demo.portuguese import PORTUGUESE
from demo.spanish import SPANISH
from demo.vocabulary import LINES, NEW_LINE, Language

LANGUAGES: Final = (ENGLISH, SPANISH, PORTUGUESE)
NEUTRAL: Final = 0
IRONIC: Final = 6
GRADES: Final = 7
"""Grades of a phrase: 0 says nothing of the product, 1 to 5 are stars, 6 is openly ironic."""

_DRAWS_PER_PATTERN = 80
_SLOT = re.compile(r"\{(\w+)\}")


class Form(IntEnum):
    """Where a phrase stands in a review; WORD is a whole text of one to three words."""

    SENTENCE = 0
    WORD = 1
    TITLE = 2


@dataclass(frozen=True)
class PhraseBook:
    """All phrases in one array; cell c holds `phrases[start[c] : start[c] + size[c]]`.

    Phrases are escaped for JSON already, so that a review is written by joining strings.
    """

    phrases: npt.NDArray[np.object_]
    start: npt.NDArray[np.int64]
    size: npt.NDArray[np.int64]

    def pick(
        self, cells: npt.NDArray[np.int64], draws: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.object_]:
        """One phrase a cell, chosen by the uniform draw in [0, 1) beside it."""
        chosen = self.start[cells] + (draws * self.size[cells]).astype(np.int64)
        picked: npt.NDArray[np.object_] = self.phrases[chosen]
        return picked


def cell_of(
    languages: npt.NDArray[np.int64],
    lines: npt.NDArray[np.int64],
    forms: npt.NDArray[np.int64] | int,
    grades: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """The cells of a phrase book for arrays of language, line, form and grade numbers.

    >>> cell_of(np.array([0, 2]), np.array([1, 3]), Form.TITLE, np.array([6, 6]))
    array([ 41, 251])
    """
    return ((languages * len(LINES) + lines) * len(Form) + forms) * GRADES + grades


@lru_cache(maxsize=1)
def phrase_book() -> PhraseBook:
    """All phrases of all languages: always the same, whatever the seed of the reviews."""
    encode = json.JSONEncoder(ensure_ascii=False).encode
    pools = [
        [encode(phrase)[1:-1] for phrase in pool_of(*cell)]
        for cell in product(LANGUAGES, LINES, Form, range(GRADES))
    ]
    size = np.array([len(pool) for pool in pools], dtype=np.int64)
    phrases = np.array([phrase for pool in pools for phrase in pool], dtype=object)
    return PhraseBook(phrases, np.cumsum(size) - size, size)


def pool_of(language: Language, line: str, form: Form, grade: int) -> list[str]:
    """The phrases of one cell; a phrase that stands twice is drawn twice as often.

    >>> pool_of(ENGLISH, "kettle", Form.WORD, 4)[:2]
    ['Good', 'Nice']
    """
    draw = Random(f"{language.code} {line} {form} {grade}")  # noqa: S311 (no secret)
    wording = language.new if line == NEW_LINE else language.established
    if grade in {NEUTRAL, IRONIC}:
        is_neutral = grade == NEUTRAL
        patterns = {
            Form.SENTENCE: language.neutral if is_neutral else language.ironic,
            Form.WORD: language.neutral_words if is_neutral else language.ironic_titles,
            Form.TITLE: language.neutral_titles if is_neutral else language.ironic_titles,
        }
        texts = _filled(patterns[form], language, line, draw)
    elif form is Form.WORD:
        texts = list(wording.words[grade])
    elif form is Form.TITLE:
        filled = _filled(language.title_patterns[grade], language, line, draw)
        texts = filled + _repeated(wording.titles[grade], len(filled))
    else:
        filled = _filled(language.patterns[grade], language, line, draw)
        verdicts = product(language.openers, wording.verdicts[grade], language.tails)
        texts = filled + _repeated(["".join(parts) for parts in verdicts], len(filled) // 2)
    if form is Form.SENTENCE:
        return [_punctuated(text, language, draw) for text in texts]
    return [_capitalised(text) for text in texts]


def _repeated(texts: Sequence[str], count: int) -> list[str]:
    """All texts, equally often: about `count` in all, but each at least once."""
    return list(texts) * max(1, round(count / len(texts)))


def _filled(patterns: tuple[str, ...], language: Language, line: str, draw: Random) -> list[str]:
    """Each pattern with its slots filled at random, several times over."""
    return [
        _filled_once(pattern, language, line, draw)
        for pattern in patterns
        for _ in range(_DRAWS_PER_PATTERN)
    ]


def _filled_once(pattern: str, language: Language, line: str, draw: Random) -> str:
    wording = language.new if line == NEW_LINE else language.established
    words = language.products[line]
    first = draw.randrange(len(words.aspects))
    other = first - 1 - draw.randrange(len(words.aspects) - 1)
    aspects = {"a": words.aspects[first], "b": words.aspects[other]}
    circumstances = {"n": (words.noun,), "when": language.when, "who": language.who}

    def value(slot: re.Match[str]) -> str:
        name = slot[1]
        if name in aspects:
            return aspects[name]
        if name in circumstances:
            return draw.choice(circumstances[name])
        return agreeing(draw.choice(wording.adjectives[int(name[1])]), aspects[name[0]])

    return _SLOT.sub(value, pattern)


def agreeing(adjective: str, aspect: str) -> str:
    """The adjective in the gender of the aspect's article.

    >>> agreeing("perfect@", "la tela"), agreeing("bom|boa", "o bico"), agreeing("nice", "the lid")
    ('perfecta', 'bom', 'nice')
    """
    is_feminine = aspect.split(maxsplit=1)[0] in {"la", "a"}
    masculine, _, feminine = adjective.partition("|")
    if feminine:
        return feminine if is_feminine else masculine
    return adjective.replace("@", "a" if is_feminine else "o")


def _capitalised(text: str) -> str:
    return text[0].upper() + text[1:]


def _punctuated(text: str, language: Language, draw: Random) -> str:
    """A sentence as people type it: mostly with a period, at times louder or careless."""
    style = draw.random()
    if style < 0.08:
        return text.lower()
    if style < 0.22:
        return language.exclamation[0] + _capitalised(text) + language.exclamation[1]
    return _capitalised(text) + "."
