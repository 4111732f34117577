"""Rules between the fields of an extraction spec: pure, all broken ones at once."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lakehouse.declaration.contradiction import Contradiction
from lakehouse.declaration.errors import FieldPath, nearest_of
from ml_assets.spec.extraction_sections import ExtractionField

if TYPE_CHECKING:
    from ml_assets.spec.extraction import ExtractionSpec

_KINDS = ("pattern", "dictionary", "language", "key_phrases")
ALL_FIELDS = "all"


def extraction_contradictions(spec: "ExtractionSpec") -> tuple[Contradiction, ...]:
    """Everything in the spec that contradicts something else in it."""
    return tuple(found for rule in _RULES for found in rule(spec))


def _kinds(spec: "ExtractionSpec") -> Iterator[Contradiction]:
    for path, field in _fields(spec):
        given = [kind for kind in _KINDS if getattr(field, kind) not in (None, False)]
        if len(given) != 1:
            message = (
                f"A field is one of {', '.join(_KINDS)}; this is {' and '.join(given) or 'none'}."
            )
            yield Contradiction(path, message, ", ".join(given))


def _names(spec: "ExtractionSpec") -> Iterator[Contradiction]:
    for name in spec.extraction.fields:
        if name == ALL_FIELDS or not name.isidentifier() or name != name.lower():
            message = f"'{name}' cannot be a field's name."
            allowed = f"lower-case letters, digits and underscores, not `{ALL_FIELDS}`"
            yield Contradiction(("extraction", "fields", name), message, name, allowed)


def _patterns(spec: "ExtractionSpec") -> Iterator[Contradiction]:
    from ml_assets.extraction.pattern import compiled

    for path, field in _fields(spec):
        if field.pattern is None:
            continue
        try:
            compiled(field.pattern, ignore_case=field.ignore_case)
        except ValueError as error:
            message = f"RE2 cannot read the pattern: {error}."
            allowed = "RE2's syntax; it knows no look-around and no back-references"
            yield Contradiction((*path, "pattern"), message, field.pattern, allowed)


def _dictionaries(spec: "ExtractionSpec") -> Iterator[Contradiction]:
    from ml_assets.extraction.folding import folded

    for path, field in _fields(spec):
        seen: dict[str, str] = {}
        for value, forms in (field.dictionary or {}).items():
            here = (*path, "dictionary", value)
            if not forms:
                yield Contradiction(here, f"'{value}' has no word.", allowed="a list of words")
            for index, form in enumerate(forms):
                plain = folded(form, case=field.ignore_case, accents=field.ignore_accents)
                if not form.strip() or form != form.strip():
                    message = f"'{form}' is blank, or begins or ends with a space."
                    yield Contradiction((*here, index), message, form)
                elif plain in seen and seen[plain] != value:
                    message = f"'{form}' stands for '{seen[plain]}' already."
                    yield Contradiction((*here, index), message, form)
                seen.setdefault(plain, value)


def _types(spec: "ExtractionSpec") -> Iterator[Contradiction]:
    for path, field in _fields(spec):
        if field.type != "text" and field.pattern is None:
            message = f"Only a pattern's value is read as a {field.type}."
            yield Contradiction((*path, "type"), message, field.type, "text")
        if (field.type == "date") != bool(field.formats):
            message = "Formats are for dates, and dates need them."
            yield Contradiction((*path, "formats"), message, ", ".join(field.formats))
        for index, form in enumerate(field.formats):
            if not _is_date_format(form):
                message = f"'{form}' does not say a day, a month and a year."
                allowed = "strptime's codes, as in %d/%m/%Y"
                yield Contradiction((*path, "formats", index), message, form, allowed)
        if field.language and field.cardinality == "many":
            message = "Texts have one language, or none that can be told."
            yield Contradiction((*path, "cardinality"), message, "many", "one")


def _columns(spec: "ExtractionSpec") -> Iterator[Contradiction]:
    columns = spec.extraction.columns
    for index, column in enumerate(columns):
        if column in columns[:index]:
            path = ("extraction", "columns", index)
            yield Contradiction(path, f"'{column}' is named twice.", column)
    for field_path, field in _fields(spec):
        for index, column in enumerate(field.columns):
            if column not in columns:
                yield Contradiction(
                    (*field_path, "columns", index),
                    f"'{column}' is not among extraction.columns.",
                    column,
                    ", ".join(columns),
                    nearest_of(column, columns),
                )
    if spec.entity_key == spec.event_time:
        yield Contradiction(("event_time",), f"'{spec.event_time}' is also the entity key.")


def _languages(spec: "ExtractionSpec") -> Iterator[Contradiction]:
    import stopwordsiso

    from lakehouse.text.language import LANGUAGES

    known = sorted(set(LANGUAGES) & set(stopwordsiso.langs()))
    for path, field in _fields(spec):
        for index, code in enumerate(field.key_phrases.languages if field.key_phrases else ()):
            if code not in known:
                message = f"There are no stop words, or no detection, of the language '{code}'."
                place = (*path, "key_phrases", "languages", index)
                yield Contradiction(place, message, code, ", ".join(known))


def _judged(spec: "ExtractionSpec") -> Iterator[Contradiction]:
    fields, labels = spec.extraction.fields, spec.extraction.labels
    for name in labels:
        if name not in fields:
            path = ("extraction", "labels", name)
            yield _unknown(path, f"'{name}' is not a field.", name, list(fields))
    for name in spec.gate.minimum:
        if name not in labels and name != ALL_FIELDS:
            path = ("gate", "minimum", name)
            yield _unknown(path, f"'{name}' has no label.", name, [*labels, ALL_FIELDS])
    if spec.gate.minimum and not labels:
        message = "Nothing can be required where no field has a label."
        yield Contradiction(("gate", "minimum"), message, allowed="extraction.labels")


def _freshness(spec: "ExtractionSpec") -> Iterator[Contradiction]:
    freshness = spec.freshness
    if freshness is not None and freshness.warn_hours >= freshness.fail_hours:
        yield Contradiction(
            ("freshness", "warn_hours"),
            f"The warning after {freshness.warn_hours:g} h must come before the failure after"
            f" {freshness.fail_hours:g} h.",
            freshness.warn_hours,
        )


def _fields(spec: "ExtractionSpec") -> Iterator[tuple[FieldPath, ExtractionField]]:
    for name, field in spec.extraction.fields.items():
        yield ("extraction", "fields", name), field


def _unknown(path: FieldPath, message: str, name: str, known: list[str]) -> Contradiction:
    return Contradiction(path, message, name, ", ".join(known), nearest_of(name, known))


def _is_date_format(form: str) -> bool:
    day = datetime(2031, 10, 24, tzinfo=UTC)
    try:
        # Read back by itself: a format without a year or a day gives another day.
        return datetime.strptime(day.strftime(form), form).date() == day.date()  # noqa: DTZ007
    except ValueError:
        return False


_RULES: tuple[Callable[["ExtractionSpec"], Iterator[Contradiction]], ...] = (
    _kinds,
    _names,
    _patterns,
    _dictionaries,
    _types,
    _columns,
    _languages,
    _judged,
    _freshness,
)
