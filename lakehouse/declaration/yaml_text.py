"""YAML text as plain values plus the place of each, by the YAML 1.2 core rules.

PyYAML's own rules are those of YAML 1.1, where `on` and `no` are booleans and `1e-3` is a string;
a spec has a key `on`, and editors check it against YAML 1.2.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml

from lakehouse.declaration.errors import FieldPath, Mark, SpecError, SpecSource, dotted

_TAG = "tag:yaml.org,2002:"
# Name, pattern, possible first characters; the first rule that matches wins. 18 digits stay inside
# 64 bits; a longer number is none of a spec's.
_RULES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("null", r"^(?:~|null|Null|NULL|)$", ("~", "n", "N", "")),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", tuple("tTfF")),
    ("int", r"^[-+]?[0-9]{1,18}$", tuple("-+0123456789")),
    ("float", r"^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$", tuple("-+.0123456789")),
)
_PATTERNS = {name: pattern for name, pattern, _ in _RULES}
_SCALARS: dict[str, Callable[[str], Any]] = {
    "null": lambda _: None,
    "bool": lambda text: text.lower() == "true",
    "int": int,
    "float": float,
}


def _resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    by_character: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for name, pattern, characters in _RULES:
        for character in characters:
            by_character.setdefault(character, []).append((_TAG + name, re.compile(pattern)))
    return by_character


class SpecYaml(yaml.SafeLoader):
    """PyYAML's safe loader with the scalar rules of YAML 1.2."""

    yaml_implicit_resolvers = _resolvers()


@dataclass(frozen=True)
class YamlText:
    """A YAML file read: its value (None where it could not be), its places and its errors."""

    value: Any
    source: SpecSource
    errors: tuple[SpecError, ...]


def read_yaml(text: str, file: str) -> YamlText:
    """The YAML text as plain values, with every fault of the text as an error.

    Faults are syntax errors, duplicate keys, anchors, tags and keys that are not text. Values are
    dict, list, str, int, float, bool and None; nothing is ever executed.

    >>> read_yaml("retraining: {on: [age], cool_down_days: 1e1}", "a.yaml").value
    {'retraining': {'on': ['age'], 'cool_down_days': 10.0}}
    """
    try:
        node = yaml.compose(text, Loader=SpecYaml)
        if node is None:
            return _unreadable(file, Mark(1, 1), "The file is empty.")
        reader = _NodeReader(file)
        value = reader.read(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Mark(mark.line + 1, mark.column + 1) if mark else Mark(1, 1)
        return _unreadable(file, place, f"The YAML cannot be read: {error.problem}.")
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = Mark(before.count("\n") + 1, error.position - before.rfind("\n"))
        return _unreadable(file, place, f"The YAML cannot be read: {error.reason}.")
    except RecursionError:
        return _unreadable(file, Mark(1, 1), "The YAML is nested too deeply to be a spec.")
    return YamlText(value, SpecSource(file, reader.values, reader.keys), tuple(reader.errors))


def _unreadable(file: str, place: Mark, message: str) -> YamlText:
    error = SpecError(file, place.line, place.column, "", "", message)
    return YamlText(None, SpecSource(file), (error,))


class _NodeReader:
    """Turns YAML nodes into values, noting places and faults on the way."""

    def __init__(self, file: str) -> None:
        self._file = file
        # An anchor's node comes by twice; refusing that keeps aliases from growing without bound.
        self._seen: set[int] = set()
        self.values: dict[FieldPath, Mark] = {}
        self.keys: dict[FieldPath, Mark] = {}
        self.errors: list[SpecError] = []

    def read(self, node: yaml.Node, path: FieldPath) -> Any:
        self.values[path] = _mark(node)
        if id(node) in self._seen:
            # An alias shares the node of its anchor, so only its key tells where it stands.
            place = self.keys.get(path, _mark(node))
            self._fault(place, path, "Anchors and aliases are not part of a spec.")
            return None
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        self._fault(_mark(node), path, f"The tag {node.tag} is not part of a spec.")
        return None

    def _mapping(self, node: yaml.MappingNode, path: FieldPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = _mark(key_node)
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != _TAG + "str":
                self._fault(place, path, "A key here is not text; put it in quotes.")
                continue
            key = str(key_node.value)
            inner = (*path, key)
            if key in values:
                first = self.keys[inner].line
                self._fault(place, inner, f"'{key}' is given twice (first in line {first}).")
                continue
            self.keys[inner] = place
            values[key] = self.read(value_node, inner)
        return values

    def _scalar(self, node: yaml.ScalarNode, path: FieldPath) -> Any:
        kind, text = node.tag.removeprefix(_TAG), str(node.value)
        if kind == "str":
            return text
        if kind in _PATTERNS and re.match(_PATTERNS[kind], text):
            return _SCALARS[kind](text)
        self._fault(_mark(node), path, f"'{text}' cannot be read by the tag {node.tag}.")
        return None

    def _fault(self, place: Mark, path: FieldPath, message: str) -> None:
        self.errors.append(
            SpecError(self._file, place.line, place.column, dotted(path), "", message)
        )


def _mark(node: yaml.Node) -> Mark:
    return Mark(node.start_mark.line + 1, node.start_mark.column + 1)
