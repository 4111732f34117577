"""What a run that was killed has left undone behind the rows that it had committed."""

from collections.abc import Collection

from dagster_project.job_names import BUILD_AFTER_SCORING
from lakehouse.connection import Lake
from lakehouse.finished_steps import finished_snapshot
from lakehouse.quoting import quote_identifier
from ml_assets.extraction.table import extractions_table
from ml_assets.scoring import scores_table


def unprofiled_sources(lake: Lake) -> set[str]:
    """The sources with rows of a newer load than their profile."""
    rows = lake.rows(
        "select source from lake.ops.file_ledger where status = 'loaded' group by source"
        " having max(load_id) > coalesce((select max(load_id) from lake.monitoring.profiles"
        " where profiles.source = file_ledger.source), 0)"
    )
    return {str(row[0]) for row in rows}


def unaccounted_sources(lake: Lake) -> set[str]:
    """The loaded sources whose accounting is older than the dbt build that has seen their rows.

    That is the first one, by the code of the last, with the newest load of the source.
    """
    rows = lake.rows(
        """
        with
        builds as (
            from lake.ops.dbt_builds where snapshot_id > (
                select coalesce(max(snapshot_id), -1) from lake.ops.dbt_builds
                where manifest_hash <> (
                    select arg_max(manifest_hash, snapshot_id) from lake.ops.dbt_builds
                )
            )
        ),
        loaded as (
            select source, max(load_id) as load_id from lake.ops.file_ledger group by source
        )
        select loaded.source from loaded
        join builds on builds.load_id >= loaded.load_id
        group by loaded.source
        having min(builds.snapshot_id) > coalesce((
            select max(snapshot_id) from lake.ops.row_accounting
            where row_accounting.source = loaded.source
        ), 0)
        """
    )
    return {str(row[0]) for row in rows}


def newest_scores(lake: Lake, model: str, *, table: str | None = None) -> int:
    """The first snapshot that is sure to hold the model's newest scores and its champion.

    Scores name the snapshot that they were computed from, and are committed after it; -1 without
    scores and champion.

    Args:
        lake: The lake.
        model: The model, or the extraction.
        table: The table of its results in the schema `ml`; None for the model's scores.
    """
    name = quote_identifier(table or scores_table(model))
    query = (
        f"select greatest(coalesce((select max(snapshot_id) + 1 from lake.ml.{name}), -1),"  # noqa: S608 - a quoted name
        " coalesce((select max(snapshot_id) from lake.ops.promotions"
        " where model = ? and promoted), -1))"
    )
    return int(lake.rows(query, [model])[0][0])


def is_unmonitored(lake: Lake, model: str, *, table: str | None = None) -> bool:
    """Whether a monitor of the model has not seen its newest scores to the end."""
    newest = newest_scores(lake, model, table=table)
    return any(finished_snapshot(lake, step, model) < newest for step in ("drift", "performance"))


def is_unpublished(lake: Lake, models: list[str], extractions: Collection[str] = ()) -> bool:
    """Whether the dbt models that read scores are older than the scores or the last build."""
    built = lake.rows("select coalesce(max(snapshot_id), -1) from lake.ops.dbt_builds")[0][0]
    found = [newest_scores(lake, model) for model in models]
    found += [newest_scores(lake, name, table=extractions_table(name)) for name in extractions]
    newest = max([int(built), *found])
    return finished_snapshot(lake, BUILD_AFTER_SCORING, "dbt") < newest
