"""The parts of the dbt project that a run builds in a step each: before scoring, and after it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

AFTER_SCORING = "after_scoring"
_TAG = f"tag:{AFTER_SCORING}"


@dataclass(frozen=True)
class DbtPart:
    """Some nodes of the project, as Dagster and as dbt are told of them.

    Attributes:
        manifest: Has the part's models and tests as nodes, of which dagster-dbt makes assets and
            checks. The others stand among the functions: there it looks up what the part reads.
        selection: dbt's options that select the same.
    """

    manifest: dict[str, Any]
    selection: tuple[str, ...]


def before_scoring(manifest: Mapping[str, Any]) -> DbtPart:
    """All without the tag `after_scoring`, and the tests that read nothing with it."""
    tagged = _tagged(manifest)
    # dbt warns in the middle of the output of a tag that no node has.
    selection = ("--exclude", _TAG) if tagged else ()
    return DbtPart(_with_nodes(manifest, set(manifest["nodes"]) - tagged), selection)


def after_scoring(manifest: Mapping[str, Any]) -> DbtPart:
    """The nodes with the tag `after_scoring`, and the tests that read any of them."""
    return DbtPart(_with_nodes(manifest, _tagged(manifest)), ("--select", _TAG))


def _tagged(manifest: Mapping[str, Any]) -> set[str]:
    nodes = manifest["nodes"]
    tagged = {name for name, node in nodes.items() if AFTER_SCORING in node["tags"]}
    # As dbt selects by default: a test goes with any node that it reads.
    return tagged | {
        name
        for name, node in nodes.items()
        if node["resource_type"] == "test" and not tagged.isdisjoint(node["depends_on"]["nodes"])
    }


def _with_nodes(manifest: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    nodes = manifest["nodes"]
    others = {name: node for name, node in nodes.items() if name not in names}
    return {
        **manifest,
        "nodes": {name: node for name, node in nodes.items() if name in names},
        "functions": {**manifest.get("functions", {}), **others},
    }
