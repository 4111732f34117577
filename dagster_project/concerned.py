"""Which dbt models a build has to make: those whose rows or code are not what they were."""

from collections.abc import Collection

from dagster_project.lineage import sources_of
from dagster_project.platform import Platform
from dagster_project.rebuilds import outdated_models, unbuilt_models
from lakehouse.connection import Lake


def models_to_build(
    platform: Platform, lake: Lake, *, pending: Collection[str] = ()
) -> tuple[str, ...]:
    """The dbt models, of those before scoring, that the next build must make, by name.

    Those that were never built, those made by other code, and those that read a source with
    rows which the last build has not seen.

    Args:
        platform: The platform.
        lake: The lake.
        pending: Sources whose files are yet to be loaded.
    """
    fresh = {*pending, *_sources_since_the_last_build(lake)}
    code = platform.runtime.code
    names = {
        str(node["name"])
        for node in platform.manifest["nodes"].values()
        if node["resource_type"] == "model" and "after_scoring" not in node["tags"]
    }
    made = {name: code[name].version for name in names}
    changed = {*unbuilt_models(lake, made), *outdated_models(lake, made)}
    return tuple(
        sorted(
            name
            for name in names
            if name in changed or not fresh.isdisjoint(sources_of(platform.manifest, name))
        )
    )


def accounted_by(platform: Platform, dbt_models: Collection[str] | None) -> list[str]:
    """The sources whose accounting follows a build of these dbt models; None are all."""
    return [
        source
        for source in platform.accounted_sources
        if dbt_models is None or f"int_{source}_outcomes" in dbt_models
    ]


def _sources_since_the_last_build(lake: Lake) -> set[str]:
    rows = lake.rows(
        "select distinct source from lake.ops.file_ledger"
        " where load_id > (select coalesce(max(load_id), 0) from lake.ops.dbt_builds)"
    )
    return {str(row[0]) for row in rows}
