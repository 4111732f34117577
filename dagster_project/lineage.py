"""What a dbt model rests on, by the manifest."""

from collections.abc import Mapping
from typing import Any


def sources_of(manifest: Mapping[str, Any], table: str) -> set[str]:
    """The names of the sources that the dbt model reads, through whatever others."""
    waiting = [key for key, node in manifest["nodes"].items() if node["name"] == table]
    found, seen = set(), set()
    while waiting:
        key = waiting.pop()
        if key in seen:
            continue
        seen.add(key)
        if key.startswith("source."):
            found.add(manifest["sources"][key]["name"])
        elif key in manifest["nodes"]:
            waiting += manifest["nodes"][key]["depends_on"]["nodes"]
    return found
