"""A spec against what dbt says of its table beyond the columns: its key, its place."""

from collections.abc import Iterator, Mapping
from typing import Any

from lakehouse.declaration.errors import SpecError, SpecSource
from ml_assets.spec.extraction import ExtractionSpec
from ml_assets.spec.loading import Spec

_AFTER_SCORING = "after_scoring"


def check_dependencies(
    spec: Spec, manifest: Mapping[str, Any], source: SpecSource
) -> list[SpecError]:
    """What keeps the table from feeding what the spec declares: an untested key, a circle.

    A table that dbt does not know is not judged: `check_columns` names it.
    """
    return list(_errors(spec, manifest, source))


def _errors(spec: Spec, manifest: Mapping[str, Any], source: SpecSource) -> Iterator[SpecError]:
    nodes: Mapping[str, Mapping[str, Any]] = manifest.get("nodes", {})
    key = next(
        (
            key
            for key, node in nodes.items()
            if node.get("resource_type") == "model" and node["name"] == spec.table
        ),
        None,
    )
    if key is None:
        return
    if spec.entity_key in nodes[key].get("columns", {}) and not _is_unique(spec, key, nodes):
        yield source.error(
            ("entity_key",),
            f"dbt does not test that '{spec.entity_key}' is unique in '{spec.table}'.",
            value=spec.entity_key,
            allowed="a column with the data test `unique`",
        )
    lineage = _lineage(key, nodes)
    behind = sorted(
        str(nodes[one]["name"]) for one in lineage if _AFTER_SCORING in _tags(nodes.get(one, {}))
    )
    extracts = isinstance(spec, ExtractionSpec)
    if behind:
        cannot = "nothing can be extracted from it" if extracts else "no model can be trained on it"
        yield source.error(
            ("table",),
            f"'{spec.table}' rests on {', '.join(behind)}, built after scoring"
            f" (tag {_AFTER_SCORING}): {cannot}.",
            value=spec.table,
        )
    results = f"extractions_{spec.name}" if extracts else f"scores_{spec.name}"
    if any(one.startswith("source.") and one.endswith(f".ml.{results}") for one in lineage):
        whose = "what this very extraction finds" if extracts else "the scores of this very model"
        yield source.error(
            ("table",),
            f"'{spec.table}' reads ml.{results}, {whose}.",
            value=spec.table,
        )


def _is_unique(spec: Spec, key: str, nodes: Mapping[str, Mapping[str, Any]]) -> bool:
    return any(
        (node.get("test_metadata") or {}).get("name") == "unique"
        and node.get("attached_node") == key
        and str(node.get("column_name") or "").strip('"') == spec.entity_key
        for node in nodes.values()
        if node.get("resource_type") == "test"
    )


def _tags(node: Mapping[str, Any]) -> list[str]:
    return list(node.get("tags", ()))


def _lineage(key: str, nodes: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """The table's node, and all nodes and sources that it reads through whatever others."""
    found: set[str] = set()
    waiting = [key]
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            waiting += nodes.get(current, {}).get("depends_on", {}).get("nodes", ())
    return found
