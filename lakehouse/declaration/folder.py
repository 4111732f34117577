"""Reading a folder of declarations, each file by itself: a broken one breaks only itself."""

import copy
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count, takewhile
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, cast

from pydantic import BaseModel, ValidationError

from lakehouse.declaration.errors import FieldPath, SpecError, SpecSource
from lakehouse.declaration.messages import Language, path_in, spec_errors
from lakehouse.declaration.yaml_text import read_yaml

_SUFFIXES = (".yaml", ".yml")
T_co = TypeVar("T_co", bound=BaseModel, covariant=True)


class _Named(Protocol):
    name: str


@dataclass(frozen=True)
class ParsedSpec(Generic[T_co]):
    """One file read: what it declares, or the errors that keep it from declaring it.

    Attributes:
        spec: What is declared; None where there are errors.
        declared_name: Its name as far as the file gives one.
        source: Where each value stands in the file.
        errors: All errors of the file, in its order.
    """

    spec: T_co | None
    declared_name: str | None
    source: SpecSource
    errors: tuple[SpecError, ...]


@dataclass(frozen=True)
class BrokenSpec:
    """A file that declares nothing: under which name to show it, and why."""

    file: str
    name: str
    errors: tuple[SpecError, ...]


@dataclass(frozen=True)
class SpecFolder(Generic[T_co]):
    """The declarations of a folder by name, where they stand, and the broken ones.

    A name is in `specs` or belongs to one of `broken`, never to both.
    """

    specs: dict[str, T_co]
    sources: dict[str, SpecSource]
    broken: tuple[BrokenSpec, ...]


def load_folder(folder: Path, language_of: Callable[[Any], Language[T_co]]) -> SpecFolder[T_co]:
    """What the folder's `.yaml` and `.yml` files declare, the broken ones apart.

    Two files with one name are both broken: which of them is meant cannot be known.

    Args:
        folder: The folder.
        language_of: Which kind of declaration a file is, by its data, whatever they are.
    """
    files = sorted(file for file in folder.iterdir() if file.suffix in _SUFFIXES and file.is_file())
    parsed = [_read(file, language_of) for file in files]
    uses = Counter(_name(one.spec) for one in parsed if one.spec)
    good = {_name(one.spec): one for one in parsed if one.spec and uses[_name(one.spec)] == 1}
    broken: dict[str, BrokenSpec] = {}
    for one in parsed:
        if one.spec and uses[_name(one.spec)] == 1:
            continue
        errors = one.errors or (_taken(one, parsed),)
        name = _free_name(one, taken={*good, *broken})
        broken[name] = BrokenSpec(one.source.file, name, errors)
    return SpecFolder(
        specs={name: one.spec for name, one in good.items() if one.spec},
        sources={name: one.source for name, one in good.items()},
        broken=tuple(broken.values()),
    )


def parse(text: str, file: str, language_of: Callable[[Any], Language[T_co]]) -> ParsedSpec[T_co]:
    """What the YAML text declares, or all errors of it; never raises on any text."""
    read = read_yaml(text, file)
    name = read.value.get("name") if isinstance(read.value, dict) else None
    declared = name if isinstance(name, str) else None
    if read.value is None and read.errors:
        return ParsedSpec(None, None, read.source, read.errors)
    spec, invalid = _validated(read.value, read.source, language_of(read.value))
    unread = {error.field for error in read.errors}
    all_errors = [*read.errors, *(error for error in invalid if error.field not in unread)]
    errors = sorted(all_errors, key=lambda error: (error.line, error.column))
    return ParsedSpec(None if errors else spec, declared, read.source, tuple(errors))


def _name(spec: BaseModel) -> str:
    return cast("_Named", spec).name


def _validated(
    data: Any, source: SpecSource, language: Language[T_co]
) -> tuple[T_co | None, list[SpecError]]:
    if not isinstance(data, dict):
        return None, [
            source.error((), f"{language.title} is a set of fields, as in `{language.example}`.")
        ]
    try:
        return language.model.model_validate(data), []
    except ValidationError as error:
        errors = list(spec_errors(error, data, source, language))
        paths = [path_in(data, detail["loc"]) for detail in error.errors(include_url=False)]
    return None, errors + _contradictions_elsewhere(data, source, paths, language)


def _contradictions_elsewhere(
    data: dict[str, Any],
    source: SpecSource,
    faulty: list[FieldPath],
    language: Language[BaseModel],
) -> list[SpecError]:
    """Contradictions in the sections without errors, so that one reading shows them all.

    Pydantic looks for contradictions only where every field is right, so the faulty values are
    left out; where one of them is required, contradictions wait for the next reading.
    """
    if faulty == [()]:
        # All that is wrong are contradictions, which have been found.
        return []
    rest = copy.deepcopy(data)
    for path in faulty:
        _remove(rest, path)
    try:
        language.model.model_validate(rest)
    except ValidationError as error:
        sections = {path[:1] for path in faulty}
        return [
            found
            for found in spec_errors(error, rest, source, language)
            if (re.split(r"[.\[]", found.field, maxsplit=1)[0],) not in sections
        ]
    return []


def _remove(data: dict[str, Any], path: FieldPath) -> None:
    """Takes the field at the path away; of a list, the whole list."""
    names = [str(part) for part in takewhile(lambda part: isinstance(part, str), path)]
    for name in names[:-1]:
        data = data.get(name, {})
    if names:
        data.pop(names[-1], None)


def _read(file: Path, language_of: Callable[[Any], Language[T_co]]) -> ParsedSpec[T_co]:
    name = file.as_posix()
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        source = SpecSource(name)
        return ParsedSpec(None, None, source, (source.error((), f"Cannot be read: {error}."),))
    return parse(text, name, language_of)


def _taken(one: ParsedSpec[BaseModel], parsed: list[ParsedSpec[T_co]]) -> SpecError:
    others = [
        other.source.file
        for other in parsed
        if other is not one and other.declared_name == one.declared_name and other.spec
    ]
    path: FieldPath = ("name",)
    message = f"'{one.declared_name}' is also the name in {', '.join(others)}."
    return one.source.error(path, message, value=one.declared_name)


def _free_name(one: ParsedSpec[BaseModel], *, taken: set[str]) -> str:
    """A name to show a broken file under: its own, its file's, or that with a number."""
    from_file = re.sub(r"[^a-z0-9_]", "_", Path(one.source.file).stem.lower())
    candidates = [one.declared_name or "", from_file]
    for candidate in candidates:
        if re.fullmatch("[a-z][a-z0-9_]*", candidate) and candidate not in taken:
            return candidate
    return next(name for n in count(2) if (name := f"spec_{from_file}_{n}") not in taken)
