"""What a language must provide so that reviews can be composed in it."""

from dataclasses import dataclass
from typing import Final

LINES: Final = ("headphones", "kettle", "backpack", "smart_ring")
NEW_LINE: Final = "smart_ring"

Graded = dict[int, tuple[str, ...]]
"""Texts by grade: 1 (worst) to 5 (best)."""


@dataclass(frozen=True)
class Wording:
    """The words of opinion of one kind of product.

    Adjectives agree with the gender of what they describe: `@` stands for o/a, and `m|f` gives
    both forms. `titles` are fixed titles, `words` are reviews of one or two words.
    """

    adjectives: Graded
    verdicts: Graded
    titles: Graded
    words: Graded


@dataclass(frozen=True)
class ProductWords:
    """The noun of a product line with its determiner, and its aspects with their article."""

    noun: str
    aspects: tuple[str, ...]


@dataclass(frozen=True)
class Language:
    """One language: sentence patterns, neutral and ironic sentences, and its product words.

    A pattern names its slots: `{a}` and `{b}` are two different aspects, `{a4}` an adjective of
    grade 4 that agrees with `{a}`, `{n}` the product, `{when}` and `{who}` neutral circumstances.
    """

    code: str
    exclamation: tuple[str, str]
    openers: tuple[str, ...]
    tails: tuple[str, ...]
    when: tuple[str, ...]
    who: tuple[str, ...]
    patterns: Graded
    title_patterns: Graded
    neutral: tuple[str, ...]
    neutral_titles: tuple[str, ...]
    neutral_words: tuple[str, ...]
    ironic: tuple[str, ...]
    ironic_titles: tuple[str, ...]
    fillers: tuple[str, ...]
    quoted: str
    accented: str
    established: Wording
    new: Wording
    products: dict[str, ProductWords]
