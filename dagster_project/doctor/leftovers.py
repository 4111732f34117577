"""What killed processes left behind; nothing of it does harm, and all of it can be removed."""

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from dagster_project.doctor.finding import Finding, Findings
from dagster_project.services import running_pid
from dagster_project.settings import Settings
from lakehouse.scratch import abandoned_folders, remove_abandoned
from ml_assets.artifacts import unfinished_copies

_AREA = "leftovers"
# Nothing works that long on one temporary folder.
_OLD = timedelta(days=2)


def check_leftovers(settings: Settings) -> Findings:
    """Pid files of servers that are gone, scratch folders, old temporary files, dead runs."""
    stale = [
        file
        for file in sorted((settings.state / "run").glob("*.pid"))
        if running_pid(settings, file.stem) is None
    ]
    if stale:
        names = ", ".join(file.stem for file in stale)
        yield Finding(
            _AREA,
            "warning",
            f"pid files of servers that do not run: {names}",
            "They were killed; `tidemark up` starts them.",
            repair=partial(_remove, stale),
        )
    parents = (settings.lake_config.scratch_folder, settings.lake_config.temporary_folder)
    if abandoned := [folder for parent in parents for folder in abandoned_folders(parent)]:
        yield Finding(
            _AREA,
            "warning",
            f"{len(abandoned)} scratch folders of killed processes",
            "The next run removes them.",
            repair=lambda: f"{sum(map(remove_abandoned, parents))} removed",
        )
    if old := _old_temporary(settings):
        yield Finding(
            _AREA,
            "warning",
            f"{len(old)} old temporary files and folders, such as {old[0]}",
            "Killed processes left them: remove them, or `tidemark doctor --fix`.",
            repair=partial(_remove, old),
        )
    yield from _dead_runs(settings)


def _old_temporary(settings: Settings) -> list[Path]:
    oldest = datetime.now(UTC) - _OLD
    dumps = settings.catalog_dump_folder.glob("*.part")
    return [
        *sorted(path for path in dumps if path.stat().st_mtime < oldest.timestamp()),
        *unfinished_copies(settings.artifact_path, older_than=oldest),
    ]


def _remove(paths: Sequence[Path]) -> str:
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return f"{len(paths)} removed"


def _dead_runs(settings: Settings) -> Findings:
    from dagster_project.dead_runs import close_dead_runs, dead_runs
    from dagster_project.instance import open_instance

    def close() -> str:
        with open_instance(settings) as instance:
            return f"{len(close_dead_runs(instance))} marked as failed"

    with open_instance(settings) as instance:
        dead = dead_runs(instance)
    if dead:
        yield Finding(
            _AREA,
            "warning",
            f"{len(dead)} runs that Dagster shows as running were killed",
            "The next `tidemark run` closes them.",
            repair=close,
        )
