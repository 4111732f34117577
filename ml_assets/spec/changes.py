"""What differs between two specs, in words."""

from collections.abc import Iterator, Mapping
from typing import Any

_NOTHING = object()
_LONGEST = 60


def spec_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Each difference between two specs as plain values, in the order of their fields.

    >>> spec_changes(
    ...     {"seed": 7, "features": {"numeric": ["words"]}, "label": {"classes": [1, 2]}},
    ...     {"seed": 8, "features": {"numeric": ["words", "digits"]}, "label": {"classes": [2, 1]}})
    ['seed 7 -> 8', 'features.numeric + digits', 'label.classes [1, 2] -> [2, 1]']
    """
    return list(_changes("", before, after))


def _changes(path: str, before: Any, after: Any) -> Iterator[str]:
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys([*after, *before]):
            inner = f"{path}.{name}" if path else name
            yield from _changes(inner, before.get(name, _NOTHING), after.get(name, _NOTHING))
    elif before is _NOTHING:
        yield f"{path} is new: {_shown(after)}"
    elif after is _NOTHING:
        yield f"{path} is gone"
    elif isinstance(before, list) and isinstance(after, list) and _members_differ(before, after):
        added = [f"+ {_shown(one)}" for one in after if one not in before]
        gone = [f"- {_shown(one)}" for one in before if one not in after]
        yield f"{path} {' '.join([*added, *gone])}"
    else:
        yield f"{path} {_shown(before)} -> {_shown(after)}"


def _members_differ(before: list[Any], after: list[Any]) -> bool:
    """Whether one list has what the other has not: otherwise they differ in order or repetition."""
    return any(one not in before for one in after) or any(one not in after for one in before)


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
