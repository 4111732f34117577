"""Sections of an extraction spec: the fields that are drawn from texts, and how they are judged."""

from typing import Literal

from pydantic import Field

from lakehouse.declaration.section import ColumnName, Number, Section, WholeNumber
from ml_assets.spec.operating_sections import WindowKind

FieldType = Literal["text", "number", "date"]
Cardinality = Literal["one", "many"]
DecimalMark = Literal["either", "point", "comma"]
QualityName = Literal["precision", "recall", "f1"]


class KeyPhrases(Section):
    """The phrases that say most about a text, by RAKE."""

    most: WholeNumber = Field(5, ge=1, le=50, description="Phrases kept of a text, the best first.")
    longest: WholeNumber = Field(3, ge=1, le=10, description="Most words of a phrase.")
    languages: tuple[str, ...] = Field(
        ("en", "es"),
        min_length=1,
        description="Languages (ISO 639-1) that texts are written in; a text in another one has no"
        " key phrases, a text too short to tell counts as the first.",
    )


class ExtractionField(Section):
    """One field: exactly one of `pattern`, `dictionary`, `language` and `key_phrases`."""

    pattern: str | None = Field(
        None,
        min_length=1,
        description="Regular expression (RE2) of a mention. The value is the group named `value`,"
        " or `value_1`, `value_2` in alternatives, or else all of it; other named groups are kept"
        " beside it.",
    )
    dictionary: dict[str, tuple[str, ...]] | None = Field(
        None,
        min_length=1,
        description="By value, the words and phrases that stand for it in a text; only whole words"
        " count, and of those that overlap the first and longest.",
    )
    language: bool = Field(default=False, description="The language of the texts (ISO 639-1).")
    key_phrases: KeyPhrases | None = Field(None, description="The texts' key phrases.")
    type: FieldType = Field(
        "text", description="What a pattern's value is read as; what cannot be read is no mention."
    )
    cardinality: Cardinality | None = Field(
        None,
        description="Whether a row has one value, the first mention's, or many; null for `one`"
        " where the language is asked for and `many` elsewhere.",
    )
    decimal: DecimalMark = Field(
        "either",
        description="What the decimals of a number stand behind; `either` takes a single mark with"
        " three digits behind it as one of thousands.",
    )
    formats: tuple[str, ...] = Field(
        (), description="Forms of a date, as in `%d/%m/%Y`; the first that fits counts."
    )
    ignore_case: bool = Field(
        default=True, description="Whether capitals match small letters, for patterns and words."
    )
    ignore_accents: bool = Field(
        default=True, description="Whether letters match without their accents, for dictionaries."
    )
    columns: tuple[ColumnName, ...] = Field(
        (), description="Columns that the field is drawn from; empty for all of `columns`."
    )

    @property
    def is_single(self) -> bool:
        """Whether a row has one value at most."""
        return self.cardinality == "one" or (self.cardinality is None and self.language)


class Extraction(Section):
    """What is drawn from which texts."""

    columns: tuple[ColumnName, ...] = Field(
        min_length=1, description="Text columns of the table, in the order of their weight."
    )
    fields: dict[str, ExtractionField] = Field(
        min_length=1, max_length=50, description="The fields by name."
    )
    labels: dict[str, ColumnName] = Field(
        default_factory=dict,
        description="By field, the column with the truth: a value or a list of values; null where"
        " nobody looked, an empty text or list where there is none.",
    )


class ExtractionGate(Section):
    """What a new version has to show on the labelled rows; without such rows it is promoted."""

    max_loss: Number = Field(
        0.02,
        ge=0,
        description="Loss of F1 against the champion, over all fields or in one, that is allowed;"
        " a larger one fails where its interval also excludes no loss.",
    )
    confidence: Number = Field(0.95, gt=0, lt=1, description="Confidence of the intervals.")
    min_rows: WholeNumber = Field(
        30, ge=2, description="Labelled rows from which a version is judged on them."
    )
    minimum: dict[str, dict[QualityName, Number]] = Field(
        default_factory=dict,
        description="By field (or `all`), the least precision, recall and F1 on the labelled rows.",
    )


class ExtractionMonitors(Section):
    """What is watched in production, per window of the event time."""

    window: WindowKind = Field("month", description="Length of a window, in UTC.")
    psi: Number = Field(
        0.2, gt=0, description="Smallest population stability index that counts as drift."
    )
    alpha: Number = Field(
        0.01, gt=0, lt=0.5, description="Chance of a false alarm in a window, over all fields."
    )
    persistence: WholeNumber = Field(
        1, ge=1, le=24, description="Windows in a row that must drift before it is an alarm."
    )
    min_rows: WholeNumber = Field(
        200, ge=1, description="Rows that a window needs to be judged, labelled ones for quality."
    )
    max_drop: Number = Field(
        0.1, gt=0, description="How much less F1 than at its evaluation a window may have."
    )
