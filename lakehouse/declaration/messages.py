"""Pydantic's validation errors in the words of the person who wrote the file."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from lakehouse.declaration.contradiction import CONTRADICTIONS
from lakehouse.declaration.errors import FieldPath, SpecError, SpecSource, nearest_of

_KINDS = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "tuple_type": "a list, as in [a, b]",
    "model_type": "a section with fields of its own",
    "model_attributes_type": "a section with fields of its own",
    "finite_number": "a finite number",
    "bool_type": "true or false",
}
_LIMITS = {
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "too_short": "{min_length} entries or more",
    "too_long": "{max_length} entries or fewer",
    "string_too_short": "{min_length} characters or more",
    "string_too_long": "{max_length} characters or fewer",
    "string_pattern_mismatch": "text that matches {pattern}",
}


T_co = TypeVar("T_co", bound=BaseModel, covariant=True)


@dataclass(frozen=True)
class Language(Generic[T_co]):
    """A kind of declaration.

    Attributes:
        model: What a file declares.
        title: What that is called, with its article.
        example: A first field, for files that have none.
        alternatives: What may stand beside the values of a list of choices, by field.
        elsewhere: Values of a field that make the file one of another kind, by field.
    """

    model: type[T_co]
    title: str
    example: str
    alternatives: Mapping[FieldPath, str] = field(default_factory=dict)
    elsewhere: Mapping[FieldPath, Sequence[str]] = field(default_factory=dict)


def spec_errors(
    error: ValidationError, data: Any, source: SpecSource, language: Language[BaseModel]
) -> Iterator[SpecError]:
    """Each validation error at its place in the file, with the allowed values and the nearest."""
    details = error.errors(include_url=False)
    lists_with_faults = {detail["loc"][:-1] for detail in details}
    for detail in details:
        if detail["type"] == "too_short" and detail["loc"] in lists_with_faults:
            # Pydantic counts the good entries only.
            continue
        if detail["type"] == CONTRADICTIONS:
            for found in detail["ctx"][CONTRADICTIONS]:
                yield source.error(
                    found.path,
                    found.message,
                    value=found.value,
                    allowed=found.allowed,
                    nearest=found.nearest,
                )
        else:
            yield _spec_error(detail, data, source, language)


def _spec_error(
    detail: ErrorDetails, data: Any, source: SpecSource, language: Language[BaseModel]
) -> SpecError:
    path = path_in(data, detail["loc"])
    context = detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            return _unknown_field(path, detail["loc"], source, language.model)
        case "missing":
            return source.error(path, f"'{path[-1]}' is required.", at_key=True)
        case "union_tag_not_found":
            tag = context["discriminator"].strip("'")
            return source.error((*path, tag), f"'{tag}' is required.", at_key=True)
        case "union_tag_invalid":
            tag = context["discriminator"].strip("'")
            path, value = (*path, tag), detail["input"][tag]
            return _not_an_option(path, value, _options(context["expected_tags"]), source)
        case "literal_error":
            options = [*_options(context["expected"]), *language.elsewhere.get(path, ())]
            beside = language.alternatives.get(path, "")
            return _not_an_option(path, detail["input"], options, source, beside)
    return _unfit(path, detail, source)


def _unknown_field(
    path: FieldPath, loc: tuple[int | str, ...], source: SpecSource, model: type[BaseModel]
) -> SpecError:
    section = _section_at(loc[:-1], model)
    fields = sorted(item.alias or name for name, item in section.model_fields.items())
    given = {inner[-1] for inner in source.keys if inner[:-1] == path[:-1]}
    return source.error(
        path,
        f"'{path[-1]}' is not a field here.",
        value=path[-1],
        allowed=", ".join(fields),
        # What the section has already is not what was meant.
        nearest=nearest_of(path[-1], [name for name in fields if name not in given]),
        at_key=True,
    )


def _not_an_option(
    path: FieldPath, value: Any, options: list[str], source: SpecSource, beside: str = ""
) -> SpecError:
    return source.error(
        path,
        f"{_shown(value)} is not allowed.",
        value=value,
        allowed=", ".join(sorted(options)) + beside,
        nearest=nearest_of(value, options),
    )


def _options(expected: str) -> list[str]:
    """The values in pydantic's words."""
    return re.findall(r"'([^']*)'", expected)


def _unfit(path: FieldPath, detail: ErrorDetails, source: SpecSource) -> SpecError:
    """A value of the wrong kind, out of range, or refused by a rule of its own."""
    error, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    allowed = ""
    if error == "value_error":
        message = f"{context['error']}."
    elif error in _KINDS:
        allowed = _KINDS[error]
        message = "The value is empty." if value is None else f"{_shown(value)} is {_kind(value)}."
    elif error in _LIMITS:
        allowed = _LIMITS[error].format_map(context)
        is_text = isinstance(value, str)
        message = f"{_shown(value)} is {'not of this form' if is_text else 'out of range'}."
    else:
        message = f"{_shown(value)}: {detail['msg']}."
    return source.error(path, message, value=value, allowed=allowed)


def path_in(data: Any, loc: tuple[int | str, ...]) -> FieldPath:
    """Pydantic's location without the tags of unions, which the file does not have."""
    path: list[int | str] = []
    for position, part in enumerate(loc):
        last = position == len(loc) - 1
        has_part = isinstance(data, dict) and part in data
        if has_part or (isinstance(part, int) and isinstance(data, list) and part < len(data)):
            data = data[part]
            path.append(part)
        elif last and isinstance(data, dict):
            path.append(part)
    return tuple(path)


def _section_at(loc: tuple[int | str, ...], model: type[BaseModel]) -> type[BaseModel]:
    """The section that pydantic's location leads to."""
    candidates: list[type[BaseModel]] = [model]
    for part in loc:
        if len(candidates) > 1:
            # After a field with several kinds of section, the location names the kind by its tag.
            candidates = [section for section in candidates if part in _tags(section)]
        elif isinstance(part, str):
            by_name = {
                field.alias or name: field for name, field in candidates[0].model_fields.items()
            }
            if part in by_name:
                inner = list(_sections_in(by_name[part].annotation))
                # None below a map's key that happens to be a field's name.
                candidates = inner or candidates
    return candidates[0]


def _tags(section: type[BaseModel]) -> set[Any]:
    """The values of the field that tells the section from others in its place."""
    tagged = (section.model_fields.get(name) for name in ("name", "kind"))
    return {value for item in tagged if item for value in get_args(item.annotation)}


def _sections_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _sections_in(part)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _kind(value: Any) -> str:
    kinds = {bool: "a boolean", int: "a whole number", float: "a number", str: "text"}
    return kinds.get(type(value), "a section" if isinstance(value, dict) else "a list")
