"""An extractor: all fields of a declaration, compiled, over batches of texts."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ml_assets.extraction.dictionary import DictionaryMatcher
from ml_assets.extraction.key_phrases import KeyPhraseMatcher
from ml_assets.extraction.language import LanguageMatcher
from ml_assets.extraction.mention import Matcher, Mention
from ml_assets.extraction.pattern import PatternMatcher
from ml_assets.spec.extraction_sections import Extraction, ExtractionField

if TYPE_CHECKING:
    import pyarrow as pa

Texts = Sequence[str | None]


class FieldMention(NamedTuple):
    """A mention with its field and the column that it stands in; None for all columns together."""

    field: str
    column: str | None
    mention: Mention


class Extractor:
    """Draws the declared fields from texts; the same texts always give the same values."""

    def __init__(self, declared: Extraction) -> None:
        self.columns = declared.columns
        self._fields = [
            _Field(name, field, field.columns or declared.columns)
            for name, field in declared.fields.items()
        ]

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields."""
        return tuple(field.name for field in self._fields)

    @property
    def unread(self) -> int:
        """Matches of patterns so far whose value could not be read as the field's type."""
        return sum(field.unread for field in self._fields)

    def texts(self, batch: "pa.RecordBatch | pa.Table") -> dict[str, list[str | None]]:
        """The texts of each row, (n,) by column."""
        return {name: batch.column(name).to_pylist() for name in self.columns}

    def mentions(self, texts: Mapping[str, Texts]) -> list[list[FieldMention]]:
        """The mentions of each row: field by field, column by column, as they stand in the text.

        Of a field with one value it is the first. Key phrases come the best first.

        Args:
            texts: The texts of each row, (n,) by column.
        """
        rows: list[list[FieldMention]] = [[] for _ in texts[self.columns[0]]]
        for field in self._fields:
            for row, found in zip(rows, field.find(texts), strict=True):
                row.extend(found[:1] if field.is_single else found)
        return rows


def values_by_field(mentions: Sequence[FieldMention]) -> dict[str, list[str]]:
    """The different values of each field of a row that has any, in the order of its mentions.

    >>> names = ("string", "neck", "string")
    >>> values_by_field([FieldMention("part", "text", Mention(n, 0, 6)) for n in names])
    {'part': ['string', 'neck']}
    """
    found: dict[str, dict[str, None]] = {}
    for one in mentions:
        found.setdefault(one.field, {})[one.mention.value] = None
    return {field: list(values) for field, values in found.items()}


class _Field:
    """One field with its matcher and the columns that it is drawn from."""

    def __init__(self, name: str, declared: ExtractionField, columns: tuple[str, ...]) -> None:
        self.name, self.is_single = name, declared.is_single
        self._columns = columns
        self._matcher = _matcher(declared)
        # A language, and the phrases that say most, are of all the texts together.
        self._joins = declared.language

    @property
    def unread(self) -> int:
        return self._matcher.unread if isinstance(self._matcher, PatternMatcher) else 0

    def find(self, texts: Mapping[str, Texts]) -> list[list[FieldMention]]:
        if self._joins:
            joined = _joined([texts[column] for column in self._columns])
            return [self._named(None, found) for found in self._matcher.find(joined)]
        by_column = [
            [self._named(column, found) for found in self._matcher.find(texts[column])]
            for column in self._columns
        ]
        return [_chained(found) for found in zip(*by_column, strict=True)]

    def _named(self, column: str | None, found: list[Mention]) -> list[FieldMention]:
        return [FieldMention(self.name, column, mention) for mention in found]


def _matcher(declared: ExtractionField) -> Matcher:
    if declared.pattern is not None:
        return PatternMatcher(declared)
    if declared.dictionary is not None:
        return DictionaryMatcher(declared)
    if declared.key_phrases is not None:
        return KeyPhraseMatcher(declared.key_phrases)
    return LanguageMatcher()


def _joined(columns: Sequence[Texts]) -> list[str | None]:
    """The texts of each row as one; None where all are."""
    return [
        " ".join(known) if (known := [text for text in row if text]) else None
        for row in zip(*columns, strict=True)
    ]


def _chained(found: tuple[list[FieldMention], ...]) -> list[FieldMention]:
    return [one for mentions in found for one in mentions]
