"""Reading a folder of model specs: each file by itself, so that a broken one breaks only itself."""

import copy
import re
from collections import Counter
from dataclasses import dataclass
from itertools import count, takewhile
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from ml_assets.metrics import TaskName
from ml_assets.spec.document import ModelSpec
from ml_assets.spec.errors import FieldPath, SpecError, SpecSource
from ml_assets.spec.extraction import ExtractionSpec
from ml_assets.spec.messages import path_in, spec_errors
from ml_assets.spec.yaml_text import read_yaml

_SUFFIXES = (".yaml", ".yml")
Spec = ModelSpec | ExtractionSpec


@dataclass(frozen=True)
class ParsedSpec:
    """One spec file read: the spec, or the errors that keep it from being one.

    Attributes:
        spec: The spec; None where there are errors.
        declared_name: The model's name as far as the file gives one.
        source: Where each value stands in the file.
        errors: All errors of the file, in its order.
    """

    spec: Spec | None
    declared_name: str | None
    source: SpecSource
    errors: tuple[SpecError, ...]


@dataclass(frozen=True)
class BrokenSpec:
    """A file that is no spec: under which name to show it, and why."""

    file: str
    name: str
    errors: tuple[SpecError, ...]


@dataclass(frozen=True)
class SpecFolder:
    """The specs of a folder by name, where they stand, and the broken ones.

    A name is in `specs` (models), in `extractions`, or belongs to one of `broken`, never to two.
    """

    specs: dict[str, ModelSpec]
    extractions: dict[str, ExtractionSpec]
    sources: dict[str, SpecSource]
    broken: tuple[BrokenSpec, ...]


def load_specs(folder: Path) -> SpecFolder:
    """All model specs of the folder's `.yaml` and `.yml` files, the broken ones apart.

    Two files with one model name are both broken: which of them is meant cannot be known.
    """
    files = sorted(file for file in folder.iterdir() if file.suffix in _SUFFIXES and file.is_file())
    parsed = [_read(file) for file in files]
    uses = Counter(one.spec.name for one in parsed if one.spec)
    good = {one.spec.name: one for one in parsed if one.spec and uses[one.spec.name] == 1}
    broken: dict[str, BrokenSpec] = {}
    for one in parsed:
        if one.spec and uses[one.spec.name] == 1:
            continue
        errors = one.errors or (_taken(one, parsed),)
        name = _free_name(one, taken={*good, *broken})
        broken[name] = BrokenSpec(one.source.file, name, errors)
    return SpecFolder(
        specs={name: one.spec for name, one in good.items() if isinstance(one.spec, ModelSpec)},
        extractions={
            name: one.spec for name, one in good.items() if isinstance(one.spec, ExtractionSpec)
        },
        sources={name: one.source for name, one in good.items()},
        broken=tuple(broken.values()),
    )


def parse_spec(text: str, file: str) -> ParsedSpec:
    """The spec in the YAML text, or all errors of it; never raises on any text."""
    read = read_yaml(text, file)
    name = read.value.get("name") if isinstance(read.value, dict) else None
    declared = name if isinstance(name, str) else None
    if read.value is None and read.errors:
        return ParsedSpec(None, None, read.source, read.errors)
    spec, invalid = _validated(read.value, read.source)
    unread = {error.field for error in read.errors}
    all_errors = [*read.errors, *(error for error in invalid if error.field not in unread)]
    errors = sorted(all_errors, key=lambda error: (error.line, error.column))
    return ParsedSpec(None if errors else spec, declared, read.source, tuple(errors))


def document_of(data: dict[str, Any]) -> type[Spec]:
    """The kind of spec that the task asks for; where that is mistyped, what the sections tell."""
    task = data.get("task")
    mistyped = task not in get_args(TaskName) and "extraction" in data
    return ExtractionSpec if task == "extraction" or mistyped else ModelSpec


def _validated(data: Any, source: SpecSource) -> tuple[Spec | None, list[SpecError]]:
    if not isinstance(data, dict):
        return None, [source.error((), "A spec is a set of fields, as in `name: reviews_rating`.")]
    document = document_of(data)
    try:
        return document.model_validate(data), []
    except ValidationError as error:
        errors = list(spec_errors(error, data, source, document))
        paths = [path_in(data, detail["loc"]) for detail in error.errors(include_url=False)]
    return None, errors + _contradictions_elsewhere(data, source, paths)


def _contradictions_elsewhere(
    data: dict[str, Any], source: SpecSource, faulty: list[FieldPath]
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
    document = document_of(data)
    try:
        document.model_validate(rest)
    except ValidationError as error:
        sections = {path[:1] for path in faulty}
        return [
            found
            for found in spec_errors(error, rest, source, document)
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


def _read(file: Path) -> ParsedSpec:
    name = file.as_posix()
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        source = SpecSource(name)
        return ParsedSpec(None, None, source, (source.error((), f"Cannot be read: {error}."),))
    return parse_spec(text, name)


def _taken(one: ParsedSpec, parsed: list[ParsedSpec]) -> SpecError:
    others = [
        other.source.file
        for other in parsed
        if other is not one and other.declared_name == one.declared_name and other.spec
    ]
    path: FieldPath = ("name",)
    message = f"'{one.declared_name}' is also the name in {', '.join(others)}."
    return one.source.error(path, message, value=one.declared_name)


def _free_name(one: ParsedSpec, *, taken: set[str]) -> str:
    """A name to show a broken spec under: its own, its file's, or that with a number."""
    from_file = re.sub(r"[^a-z0-9_]", "_", Path(one.source.file).stem.lower())
    candidates = [one.declared_name or "", from_file]
    for candidate in candidates:
        if re.fullmatch("[a-z][a-z0-9_]*", candidate) and candidate not in taken:
            return candidate
    return next(name for n in count(2) if (name := f"spec_{from_file}_{n}") not in taken)
