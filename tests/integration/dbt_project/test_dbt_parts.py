"""The parts that Dagster builds, against what dbt itself selects."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from dagster_project.dbt_part import DbtPart, after_scoring, before_scoring

pytestmark = pytest.mark.integration
_SEEN = ("model", "test")


def _nodes(part: DbtPart) -> set[str]:
    nodes = part.manifest["nodes"].items()
    return {name for name, node in nodes if node["resource_type"] in _SEEN}


def test_dbt_selects_what_a_part_has(run_dbt: Callable[..., Any], dbt_target: Any) -> None:
    def selected(*selection: str) -> set[str]:
        types = [option for kind in _SEEN for option in ("--resource-type", kind)]
        listed = run_dbt(
            "--quiet", "ls", "--output", "json", "--output-keys", "unique_id", *types, *selection
        )
        return {json.loads(line)["unique_id"] for line in listed.stdout.splitlines()}

    run_dbt("parse")
    manifest = json.loads((dbt_target / "manifest.json").read_text())
    before, after = before_scoring(manifest), after_scoring(manifest)
    assert _nodes(before) == selected(*before.selection)
    assert _nodes(after) == selected(*after.selection)
    assert _nodes(before) | _nodes(after) == selected()
    assert not _nodes(before) & _nodes(after)
    assert len(_nodes(after)) > 1
