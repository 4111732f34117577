"""Which code the dbt models rest on, and the version that this code makes.

The identity is taken from the code as written, not from the SQL that dbt compiles it to: compiled
SQL differs between a full and an incremental build of the same code, holds literals of the data
(the newest load), and exists only after a build. As written, a model rests on

- its own file and the models, seeds and snapshots that it reads, all the way down,
- the settings that shape its table: materialization, strategy, keys, hooks, contracted types,
- the macros that these call, however deep. dbt's own list of them is not enough: it is made in a
  full build's parsing, so it lacks what only `is_incremental()` reaches. Names in the code are
  looked for as well, and macros that take the place of dbt's own count for every model,
- the values of the variables that the code names,
- the versions of the text functions (`lakehouse.text`) that the code calls.

Nothing else counts: neither other models and macros, nor tests and descriptions, nor comments and
blanks (`code_text`), nor dbt's own macros, which the lock pins.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from dagster_project.code_text import normalized_sql
from lakehouse.code_versions import CodeVersion, Parts
from lakehouse.text import TEXT_FUNCTIONS

# Settings of a dbt model that say nothing about the rows of its table.
_WITHOUT_EFFECT = frozenset(
    {"access", "contract", "docs", "enabled", "freshness", "grants", "group", "meta", "packages"}
    | {"persist_docs", "tags"}
)
# Macros that say where a table is, which counts by itself, or when it is built from all rows.
_WITHOUT_ROWS = frozenset(
    ("generate_schema_name", "generate_alias_name", "generate_database_name", "should_full_refresh")
)
_DISPATCHED = re.compile(r"^(?:default|duckdb)__")
_VARIABLE = re.compile(r"\bvar\(\s*['\"](\w+)['\"]")


def code_versions(
    manifest: Mapping[str, Any], variables: Mapping[str, Any]
) -> dict[str, CodeVersion]:
    """By dbt model name: the code that the model's table rests on.

    Args:
        manifest: dbt's manifest.
        variables: The project's variables by name, as `project_variables` gives them.
    """
    return _Code(manifest, variables).versions()


def project_code(versions: Mapping[str, CodeVersion]) -> CodeVersion:
    """The code of all dbt models together; its parts are the models' own versions."""
    return CodeVersion.of({f"model {name}": one.version for name, one in versions.items()})


def project_parts(versions: Mapping[str, CodeVersion]) -> Parts:
    """All parts of all dbt models."""
    return {name: value for one in versions.values() for name, value in one.parts.items()}


def project_variables(dbt_project: Path, project_name: str) -> dict[str, Any]:
    """The variables of `dbt_project.yml`, those for this project before those for all."""
    document = yaml.safe_load((dbt_project / "dbt_project.yml").read_text()) or {}
    variables = document.get("vars") or {}
    own = variables.get(project_name)
    return {**variables, **(own if isinstance(own, dict) else {})}


class _Code:
    """The code of one manifest."""

    def __init__(self, manifest: Mapping[str, Any], variables: Mapping[str, Any]) -> None:
        self._nodes: dict[str, dict[str, Any]] = manifest["nodes"]
        self._variables = variables
        own = manifest["metadata"]["project_name"]
        internal = {"dbt", f"dbt_{manifest['metadata'].get('adapter_type', 'duckdb')}"}
        macros = manifest["macros"].values()
        # By name, of the project before those of packages.
        self._macros: dict[str, str] = {
            macro["name"]: normalized_sql(macro["macro_sql"])
            for macro in sorted(macros, key=lambda macro: macro["package_name"] == own)
            if macro["package_name"] not in internal
        }
        internals = {macro["name"] for macro in macros if macro["package_name"] in internal}
        self._overriding = {
            name
            for name in self._macros
            if _DISPATCHED.sub("", name) in internals and name not in _WITHOUT_ROWS
        }

    def versions(self) -> dict[str, CodeVersion]:
        return {
            node["name"]: CodeVersion.of(dict(self._parts(key)))
            for key, node in self._nodes.items()
            if key.startswith("model.")
        }

    def _parts(self, key: str) -> Iterator[tuple[str, str]]:
        for current in self._lineage(key):
            yield from self._own_parts[current].items()

    @cached_property
    def _own_parts(self) -> dict[str, dict[str, str]]:
        return {key: dict(self._parts_of(node)) for key, node in self._nodes.items()}

    def _lineage(self, key: str) -> set[str]:
        found: set[str] = set()
        waiting = [key]
        while waiting:
            current = waiting.pop()
            if current not in found and current in self._nodes:
                found.add(current)
                waiting += self._nodes[current]["depends_on"].get("nodes", ())
        return found

    def _parts_of(self, node: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """The node itself and what its code names; other nodes have parts of their own."""
        if node["resource_type"] not in ("model", "seed", "snapshot"):
            return
        code = _code_of(node)
        yield f"{node['resource_type']} {node['name']}", _hash(code)
        texts = [code]
        for name in sorted(self._macros_of(node, code)):
            texts.append(self._macros[name])
            yield f"macro {name}", _hash(self._macros[name])
        for text in texts:
            for name in _VARIABLE.findall(text):
                yield f"variable {name}", _hash(json.dumps(self._variables.get(name), default=str))
            for name, version in TEXT_FUNCTIONS.items():
                if re.search(rf"\b{name}\s*\(", text, re.IGNORECASE):
                    yield f"function {name}", f"version {version}"

    def _macros_of(self, node: Mapping[str, Any], code: str) -> set[str]:
        listed = {key.rsplit(".", 1)[-1] for key in node["depends_on"].get("macros", ())}
        strategy = str(node["config"].get("incremental_strategy") or "").replace("+", "_")
        waiting = [*(listed & self._macros.keys()), *self._overriding, *self._named_in(code)]
        waiting += [f"get_incremental_{strategy}_sql"]
        found: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name in self._macros and name not in found:
                found.add(name)
                waiting += self._named_in(self._macros[name])
        return found

    def _named_in(self, code: str) -> list[str]:
        """The macros that the code calls, or names in quotes to dispatch them."""
        return [
            name
            for name in self._macros
            if re.search(rf"\b{name}\s*\(|['\"]{_DISPATCHED.sub('', name)}['\"]", code)
        ]


def _code_of(node: Mapping[str, Any]) -> str:
    """What of the node itself shapes its table, as text."""
    if node["resource_type"] == "seed":
        # A seed has no code; its checksum is that of the file.
        text = str(node["checksum"]["checksum"])
    else:
        code = node.get("raw_code") or ""
        text = normalized_sql(code) if node.get("language", "sql") == "sql" else code
    config = {
        name: value
        for name, value in node["config"].items()
        if value not in (None, "", [], {}) and name not in _WITHOUT_EFFECT
    }
    types = {}
    if (node["config"].get("contract") or {}).get("enforced"):
        types = {name: column.get("data_type") for name, column in node["columns"].items()}
    place = [node.get("schema"), node.get("alias")]
    return f"{text}\n{json.dumps([config, types, place], sort_keys=True, default=str)}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
