"""What reviewers write about, in which language and at what length: before and after the drift."""

from dataclasses import dataclass
from typing import Final

DRIFTED_MONTHS: Final = 3


@dataclass(frozen=True)
class Period:
    """Shares that hold during a period; each tuple sums to 1.

    `languages` and `lines` are in the order of `phrases.LANGUAGES` and `vocabulary.LINES`;
    `sentences[k]` is the share of texts of k sentences, `sentences[0]` that of one-word texts.
    """

    languages: tuple[float, ...]
    lines: tuple[float, ...]
    sentences: tuple[float, ...]


STABLE: Final = Period(
    languages=(0.72, 0.16, 0.12),
    lines=(0.40, 0.32, 0.28, 0.0),
    sentences=(0.04, 0.10, 0.22, 0.26, 0.18, 0.11, 0.06, 0.03),
)
DRIFTED: Final = Period(
    languages=(0.52, 0.28, 0.20),
    lines=(0.16, 0.13, 0.11, 0.60),
    sentences=(0.10, 0.32, 0.33, 0.18, 0.07, 0.0, 0.0, 0.0),
)


def first_drifted_month(months: int) -> int | None:
    """The number (from 0) of the first drifted month, None if no stable month would precede it.

    >>> first_drifted_month(12), first_drifted_month(4), first_drifted_month(3)
    (9, 1, None)
    """
    return months - DRIFTED_MONTHS if months > DRIFTED_MONTHS else None


def period_of(month: int, months: int) -> Period:
    """The period of month number `month` (from 0) of `months`.

    >>> period_of(8, 12) is STABLE, period_of(9, 12) is DRIFTED, period_of(2, 3) is STABLE
    (True, True, True)
    """
    first = first_drifted_month(months)
    return STABLE if first is None or month < first else DRIFTED
