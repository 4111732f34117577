"""Maintenance as an asset: what it gains is in the metadata of each day, and so on a chart."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
from pydantic import Field

from dagster_project.catalog_asset import CATALOG_KEY
from dagster_project.platform import Platform
from lakehouse.maintenance import maintain
from ml_assets.abandoned import remove_abandoned

MAINTENANCE_KEY = dg.AssetKey(["ops", "maintenance"])
_ORPHAN_HOURS = 48


class MaintenanceConfig(dg.Config):
    """What a maintenance keeps."""

    keep_days: int | None = Field(
        None, ge=0, description="Days of history; empty: TIDEMARK_KEEP_HISTORY_DAYS."
    )
    orphan_hours: int = Field(
        _ORPHAN_HOURS,
        ge=0,
        description="Age of files that no commit has; longer than any run takes.",
    )


def maintenance_asset(platform: Platform) -> dg.AssetsDefinition:
    """The lake's maintenance."""

    @dg.asset(
        key=MAINTENANCE_KEY,
        deps=[CATALOG_KEY],
        group_name="operations",
        kinds={"ducklake"},
        description="Merges small files, expires old snapshots, deletes files that nothing needs.",
    )
    def maintenance(
        context: dg.AssetExecutionContext, config: MaintenanceConfig
    ) -> dg.MaterializeResult:
        settings = platform.settings
        days = settings.keep_history_days if config.keep_days is None else config.keep_days
        now, keep = datetime.now(UTC), timedelta(days=days)
        done = maintain(
            platform.lake(),
            now=now,
            keep_history=keep,
            orphans_after=timedelta(hours=config.orphan_hours),
            on_progress=context.log.info,
        )
        abandoned = remove_abandoned(
            platform.lake(),
            platform.registry(),
            artifact_path=settings.artifact_path,
            older_than=now - timedelta(hours=config.orphan_hours),
        )
        logs = _remove_older(settings.state / "dbt" / "runs", now - keep)
        context.log.info(
            f"{done.before.files:,} files of {done.before.bytes:,} bytes ->"
            f" {done.after.files:,} of {done.after.bytes:,}; {done.expired_snapshots:,} snapshots"
            f" expired, {done.pinned_snapshots:,} kept for models; {done.removed_files:,} files"
            f" removed, {done.orphaned_files:,} left by killed runs; of killed trainings"
            f" {abandoned.training_sets:,} training sets and {abandoned.mlflow_runs:,} MLflow runs"
        )
        return dg.MaterializeResult(
            metadata={
                "files_before": done.before.files,
                "files_after": done.after.files,
                "bytes_before": done.before.bytes,
                "bytes_after": done.after.bytes,
                "snapshots": done.after.snapshots,
                "expired_snapshots": done.expired_snapshots,
                "pinned_snapshots": done.pinned_snapshots,
                "removed_files": done.removed_files,
                "orphaned_files": done.orphaned_files,
                "abandoned_training_sets": abandoned.training_sets,
                "abandoned_mlflow_runs": abandoned.mlflow_runs,
                "abandoned_copies": abandoned.unfinished_copies,
                "removed_dbt_logs": logs,
            }
        )

    return maintenance


def _remove_older(folder: Path, oldest: datetime) -> int:
    """Removes the folder's entries that were last changed before; their number."""
    entries = list(folder.iterdir()) if folder.exists() else []
    old = [entry for entry in entries if entry.stat().st_mtime < oldest.timestamp()]
    for entry in old:
        shutil.rmtree(entry)
    return len(old)
