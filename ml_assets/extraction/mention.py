"""What is found in a text, and where."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Mention(NamedTuple):
    """A value with the place that it was read from.

    Attributes:
        value: The value as text: a number or date in one form whatever the text's.
        start, end: Characters of the text, from 0, the end not included; None where the value is
            one of the text as a whole.
        number: The number, or a key phrase's score; None for other values.
        parts: What the pattern's other named groups have matched.
    """

    value: str
    start: int | None
    end: int | None
    number: float | None = None
    parts: tuple[tuple[str, str], ...] = ()


class Matcher(Protocol):
    """What finds the mentions of one field."""

    def find(self, texts: Sequence[str | None]) -> list[list[Mention]]:
        """The mentions in each text, in the order of the text; none in a text that is None."""
        ...
