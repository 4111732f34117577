"""Errors of a declaration that name the file, the line and what would be right."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

FieldPath = tuple[str | int, ...]


@dataclass(frozen=True)
class SpecError:
    """One thing wrong in a declaration: a model spec or a source.

    Attributes:
        file: The file, as its folder was given.
        line: Line of the value or key at fault, from 1.
        column: Column of it, from 1.
        field: Dotted path of the field; empty for the file as a whole.
        value: The value seen, as text.
        message: What is wrong, a sentence.
        allowed: What would be right; empty where the message says it.
        nearest: The allowed value that the one seen probably stands for.
    """

    file: str
    line: int
    column: int
    field: str
    value: str
    message: str
    allowed: str = ""
    nearest: str | None = None

    def render(self) -> str:
        """The error on one line.

        >>> print(SpecError("a.yaml", 3, 7, "task", "ordnal", "'ordnal' is not allowed.",
        ...     "classification, ordinal", "ordinal").render())
        a.yaml:3:7 task: 'ordnal' is not allowed. Allowed: classification, ordinal. Did you mean \
ordinal?
        """
        parts = [f"{self.file}:{self.line}:{self.column}"]
        parts.append(f"{self.field}: {self.message}" if self.field else self.message)
        if self.allowed:
            parts.append(f"Allowed: {self.allowed}.")
        if self.nearest is not None:
            parts.append(f"Did you mean {self.nearest}?")
        return " ".join(parts)


@dataclass(frozen=True)
class Mark:
    """A place in a file: line and column, both from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class SpecSource:
    """Where each value and key of a file stands, to point errors at.

    Attributes:
        file: The file, as its folder was given.
        values: Place of the value at each path; `()` is the whole file.
        keys: Place of the key at each path.
    """

    file: str
    values: Mapping[FieldPath, Mark] = field(default_factory=dict)
    keys: Mapping[FieldPath, Mark] = field(default_factory=dict)

    def place(self, path: FieldPath, *, of_key: bool = False) -> Mark:
        """The place of a value (or key), or of the nearest thing around it that the file has."""
        marks = self.keys if of_key else self.values
        for length in range(len(path), -1, -1):
            mark = marks.get(path[:length]) or self.values.get(path[:length])
            if mark is not None:
                return mark
        return Mark(1, 1)

    def error(
        self,
        path: FieldPath,
        message: str,
        *,
        value: object = "",
        allowed: str = "",
        nearest: str | None = None,
        at_key: bool = False,
    ) -> SpecError:
        """An error that points at the value at `path`, or at its key."""
        mark = self.place(path, of_key=at_key)
        return SpecError(
            file=self.file,
            line=mark.line,
            column=mark.column,
            field=dotted(path),
            value=str(value),
            message=message,
            allowed=allowed,
            nearest=nearest,
        )


def dotted(path: FieldPath) -> str:
    """The path as people write it.

    >>> dotted(("features", "numeric", 2))
    'features.numeric[2]'
    """
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def nearest_of(value: object, candidates: Iterable[str]) -> str | None:
    """The candidate that a mistyped value probably stands for, or None.

    >>> nearest_of("lightgmb", ["lightgbm", "linear_text"])
    'lightgbm'
    """
    by_lower = {candidate.lower(): candidate for candidate in candidates}
    matches = get_close_matches(str(value).lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[matches[0]] if matches else None
