"""`tidemark restore`: an empty place out of a backup, or the catalog alone out of a dump."""

import time
from pathlib import Path
from typing import Annotated

import typer

from dagster_project.cli.output import JsonOption, console, print_json
from dagster_project.cli.transfer import TransferProgress
from dagster_project.platform import Platform, load_platform
from lakehouse.backup.restore import Restored, restore_backup
from lakehouse.backup.watch import Unwatched
from lakehouse.catalog_dump import kept_dumps
from lakehouse.catalog_restore import restore_catalog
from lakehouse.errors import TidemarkError


def restore(
    backup: Annotated[
        str | None, typer.Argument(help="A backup's folder or prefix: <destination>/<time>.")
    ] = None,
    catalog: Annotated[
        Path | None,
        typer.Option(
            help="Restore the lake's catalog alone, where it is, from one of the dumps that are"
            " taken before each dbt build."
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Restore a backup to an empty place: the one that the settings name now.

    It may be another folder, bucket or Postgres than the one that was backed up: what names the
    old place is rewritten. Every file is checked. Killed, it can be run again.

    With --catalog, a damaged catalog is put back to an earlier dump of it, if the files that it
    needs are still there; what was landed since is loaded again by the next run.
    """
    platform = load_platform()
    if (backup is None) == (catalog is None):
        dumps = kept_dumps(platform.settings.catalog_dump_folder)
        raise TidemarkError(
            "Name either a backup to restore, or with --catalog a dump of the catalog.",
            hint=f"The newest dump is {dumps[-1]}."
            if dumps
            else "A backup is a folder <destination>/<time> that `tidemark backup` made.",
        )
    if catalog is not None:
        _restore_catalog(platform, catalog, json=json)
    elif backup is not None:
        _restore_backup(platform, backup, json=json)


def _restore_catalog(platform: Platform, dump: Path, *, json: bool) -> None:
    settings = platform.settings
    done = restore_catalog(settings.lake_config, dump, folder=settings.catalog_dump_folder)
    if json:
        print_json({"snapshot_id": done.snapshot_id, "before": str(done.before)})
        return
    console.print(
        f"The catalog is that of {dump.name}, snapshot {done.snapshot_id:,}. As it was before:"
        f" {done.before}. Next: [bold]tidemark run[/]",
        highlight=False,
    )


def _restore_backup(platform: Platform, backup: str, *, json: bool) -> None:
    source = backup if "://" in backup else str(Path(backup).expanduser().absolute())
    started = time.perf_counter()
    if json:
        done = restore_backup(source, platform.place, watch=Unwatched())
    else:
        with TransferProgress(console) as watch:
            done = restore_backup(source, platform.place, watch=watch)
    closed = _close_runs(platform)
    _tell(platform, done, closed, time.perf_counter() - started, json=json)


def _close_runs(platform: Platform) -> list[str]:
    from dagster_project.dead_runs import close_restored_runs
    from dagster_project.instance import open_instance

    with open_instance(platform.settings) as instance:
        return close_restored_runs(instance)


def _tell(
    platform: Platform, done: Restored, closed: list[str], seconds: float, *, json: bool
) -> None:
    manifest = done.manifest
    if json:
        print_json(
            {
                "snapshot_id": manifest.snapshot_id,
                "created_at": manifest.created_at,
                "files": manifest.files,
                "copied_files": done.copied_files,
                "closed_runs": closed,
                "seconds": seconds,
            }
        )
        return
    console.print(
        f"Restored the lake of {manifest.created_at} (snapshot {manifest.snapshot_id:,}) with"
        f" {manifest.files:,} files, {done.copied_files:,} of them copied, in {seconds:.1f} s.",
        highlight=False,
    )
    if manifest.landing_path != platform.settings.landing_path:
        console.print(
            f"Landed files are not part of a backup: they were in {manifest.landing_path} and are"
            f" now expected in {platform.settings.landing_path}.",
            highlight=False,
        )
