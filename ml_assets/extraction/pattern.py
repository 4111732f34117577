"""Fields that a regular expression finds, by RE2: linear in the text, whatever the pattern.

A pattern comes from a spec and runs over texts that strangers wrote. Engines that backtrack can
take minutes on one such text; RE2 cannot, and is faster on all of them besides.
"""

import re
from collections.abc import Sequence
from typing import Any

from ml_assets.extraction.mention import Mention
from ml_assets.extraction.values import date_of, number_of, number_text
from ml_assets.spec.extraction_sections import ExtractionField

_VALUE = re.compile(r"value(?:_\d+)?")


class PatternMatcher:
    """Finds what a field's pattern matches.

    Attributes:
        unread: Matches so far whose value could not be read as the field's type.
    """

    def __init__(self, declared: ExtractionField) -> None:
        self._field = declared
        self._pattern = compiled(declared.pattern or "", ignore_case=declared.ignore_case)
        names = dict(self._pattern.groupindex)
        self._values = [index for name, index in names.items() if _VALUE.fullmatch(name)]
        self._parts = [(name, i) for name, i in names.items() if not _VALUE.fullmatch(name)]
        self.unread = 0

    def find(self, texts: Sequence[str | None]) -> list[list[Mention]]:
        """The mentions in each text."""
        finditer = self._pattern.finditer
        return [
            [mention for match in finditer(text) if (mention := self._mention(match)) is not None]
            if text
            else []
            for text in texts
        ]

    def _mention(self, match: Any) -> Mention | None:
        start, end = match.span()
        # An empty match marks a place and says nothing.
        if start == end:
            return None
        value, number = self._read(self._raw(match))
        if value is None:
            self.unread += 1
            return None
        parts = tuple(
            (name, found)
            for name, index in self._parts
            if (found := match.group(index)) is not None
        )
        return Mention(value, start, end, number, parts)

    def _raw(self, match: Any) -> str:
        found = (match.group(index) for index in self._values)
        whole: str = match.group()
        return next((text for text in found if text is not None), whole)

    def _read(self, text: str) -> tuple[str | None, float | None]:
        if self._field.type == "number":
            number = number_of(text, self._field.decimal)
            return (None if number is None else number_text(number)), number
        if self._field.type == "date":
            return date_of(text, self._field.formats), None
        return text.lower() if self._field.ignore_case else text, None


def compiled(pattern: str, *, ignore_case: bool) -> Any:
    """RE2's pattern.

    Raises:
        ValueError: It is no pattern of RE2, which knows no look-around and no back-references.
    """
    # mypy minds its missing types here whatever pyproject.toml says of the module.
    import re2  # type: ignore[import-untyped]

    options = re2.Options()
    options.case_sensitive = not ignore_case
    # Or RE2 writes what is wrong to the process's output as well.
    options.log_errors = False
    try:
        return re2.compile(pattern, options=options)
    except re2.error as error:
        reason = error.args[0]
        text = reason.decode() if isinstance(reason, bytes) else str(reason)
        raise ValueError(text) from error
