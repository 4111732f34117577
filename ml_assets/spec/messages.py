"""Pydantic's validation errors as spec errors, in the words of the person who wrote the file."""

import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ml_assets.spec.document import CONTRADICTIONS, ModelSpec
from ml_assets.spec.errors import FieldPath, SpecError, SpecSource, nearest_of

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
    "too_short": "at least {min_length} entries",
    "too_long": "at most {max_length} entries",
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
    "string_pattern_mismatch": "text that matches {pattern}",
}


def spec_errors(error: ValidationError, data: Any, source: SpecSource) -> Iterator[SpecError]:
    """Each validation error at its place in the file, with the allowed values and the nearest."""
    for detail in error.errors(include_url=False):
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
            yield _spec_error(detail, data, source)


def _spec_error(detail: ErrorDetails, data: Any, source: SpecSource) -> SpecError:
    path = _path_in(data, detail["loc"])
    value, context = detail["input"], detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            fields = sorted(_section_at(detail["loc"][:-1]).model_fields)
            return source.error(
                path,
                f"'{path[-1]}' is not a field here.",
                value=path[-1],
                allowed=", ".join(fields),
                nearest=nearest_of(path[-1], fields),
                at_key=True,
            )
        case "missing" | "union_tag_not_found":
            missing = path if detail["type"] == "missing" else (*path, "name")
            return source.error(missing, f"'{missing[-1]}' is required.", at_key=True)
        case "literal_error" | "union_tag_invalid":
            options = re.findall(r"'([^']*)'", context.get("expected") or context["expected_tags"])
            if detail["type"] == "union_tag_invalid":
                path, value = (*path, "name"), value["name"]
            return source.error(
                path,
                f"{_shown(value)} is not allowed.",
                value=value,
                allowed=", ".join(sorted(options)),
                nearest=nearest_of(value, options),
            )
        case "value_error":
            return source.error(path, f"{context['error']}.", value=value)
    kind, limit = _KINDS.get(detail["type"]), _LIMITS.get(detail["type"])
    if kind is not None:
        return source.error(path, f"{_shown(value)} is not {kind}.", value=value, allowed=kind)
    if limit is not None:
        allowed = limit.format_map(context)
        return source.error(path, f"{_shown(value)} is out of range.", value=value, allowed=allowed)
    return source.error(path, f"{_shown(value)}: {detail['msg']}.", value=value)


def _path_in(data: Any, loc: tuple[int | str, ...]) -> FieldPath:
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


def _section_at(loc: tuple[int | str, ...]) -> type[BaseModel]:
    """The section that pydantic's location leads to."""
    candidates: list[type[BaseModel]] = [ModelSpec]
    for part in loc:
        if len(candidates) > 1:
            # After a field with several kinds of section, the location names the kind by its tag.
            candidates = [
                section
                for section in candidates
                if part in get_args(section.model_fields["name"].annotation)
            ]
        elif isinstance(part, str):
            candidates = list(_sections_in(candidates[0].model_fields[part].annotation))
    return candidates[0]


def _sections_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _sections_in(part)


def _shown(value: Any) -> str:
    if value is None:
        return "Nothing (an empty value)"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
