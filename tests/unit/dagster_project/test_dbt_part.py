from typing import Any

from dagster_project.dbt_part import after_scoring, before_scoring


def node(kind: str, *reads: str, tags: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"resource_type": kind, "tags": list(tags), "depends_on": {"nodes": list(reads)}}


MANIFEST = {
    "nodes": {
        "mart": node("model", "source"),
        "test.mart": node("test", "mart"),
        "published": node("model", "mart", tags=("after_scoring",)),
        "test.published": node("test", "published"),
        "test.both": node("test", "mart", "published"),
    },
    "sources": {"source": {}},
    "functions": {"own": {}},
}


def test_a_test_goes_with_what_it_reads_that_is_built_last() -> None:
    before, after = before_scoring(MANIFEST), after_scoring(MANIFEST)
    assert set(before.manifest["nodes"]) == {"mart", "test.mart"}
    assert set(after.manifest["nodes"]) == {"published", "test.published", "test.both"}
    assert before.selection == ("--exclude", "tag:after_scoring")
    assert after.selection == ("--select", "tag:after_scoring")


def test_what_a_part_reads_can_be_looked_up() -> None:
    manifest = after_scoring(MANIFEST).manifest
    assert manifest["functions"]["mart"] == MANIFEST["nodes"]["mart"]
    assert "own" in manifest["functions"]
    assert manifest["sources"] == MANIFEST["sources"]


def test_without_models_after_scoring_all_is_before_it_and_no_tag_is_named() -> None:
    nodes = {name: one for name, one in MANIFEST["nodes"].items() if "both" not in name}
    manifest = {**MANIFEST, "nodes": {name: nodes[name] for name in ("mart", "test.mart")}}
    part = before_scoring(manifest)
    assert set(part.manifest["nodes"]) == {"mart", "test.mart"}
    assert part.selection == ()
