"""`tidemark maintain`: what the schedule does every night, now."""

from typing import Annotated

import typer

from dagster_project.cli.output import console
from dagster_project.plan import Step
from dagster_project.platform import load_platform
from dagster_project.progress import TerminalProgress


def maintain(
    keep_days: Annotated[
        int | None,
        typer.Option(
            help="Days of history that stay readable; without: TIDEMARK_KEEP_HISTORY_DAYS.", min=0
        ),
    ] = None,
    orphan_hours: Annotated[
        int,
        typer.Option(
            help="Delete files without a commit that are older; more than any run takes.", min=0
        ),
    ] = 48,
) -> None:
    """Merge small files, expire old snapshots, delete files that nothing needs.

    Snapshots that a model version, a training set or the last dbt build rests on are kept. The
    daemon does this every night (schedule `nightly_maintenance`).
    """
    from dagster_project.execution import execute

    platform = load_platform()
    with TerminalProgress(console) as progress:
        outcome = execute(
            platform,
            [Step("maintain", "lake", "it was asked for")],
            progress=progress,
            config={"ops__maintenance": {"keep_days": keep_days, "orphan_hours": orphan_hours}},
        )
    if not outcome.success:
        raise outcome.as_error()
