"""`tidemark backup`: the databases and every file that they refer to, while the platform runs."""

import time
from pathlib import Path
from typing import Annotated

import typer

from dagster_project.cli.output import JsonOption, console, print_json
from dagster_project.cli.transfer import TransferProgress
from dagster_project.platform import load_platform
from lakehouse.backup.create import create_backup
from lakehouse.backup.watch import Unwatched


def backup(
    destination: Annotated[
        str, typer.Argument(help="Folder or s3:// prefix of all backups of this lake.")
    ],
    catalog_only: Annotated[
        bool,
        typer.Option(
            "--catalog-only", help="Dump the databases and list the files; copy no files."
        ),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Back up the databases, the lake's files, models and training sets, while all runs.

    Each backup is complete; files that an earlier one in the same place has are not copied again.
    Killed, it leaves no half backup, and the next one goes on. The landing zone is not in it.
    """
    platform = load_platform()
    target = destination if "://" in destination else str(Path(destination).expanduser().absolute())
    started = time.perf_counter()
    if json:
        done = create_backup(platform.place, target, catalog_only=catalog_only, watch=Unwatched())
    else:
        with TransferProgress(console) as watch:
            done = create_backup(platform.place, target, catalog_only=catalog_only, watch=watch)
    seconds = time.perf_counter() - started
    manifest = done.manifest
    if json:
        print_json(
            {
                "backup": done.path,
                "snapshot_id": manifest.snapshot_id,
                "files": manifest.files,
                "bytes": manifest.bytes,
                "new_files": done.new_files,
                "new_bytes": done.new_bytes,
                "seconds": seconds,
            }
        )
        return
    console.print(
        f"{done.path}: snapshot {manifest.snapshot_id:,}, {manifest.files:,} files"
        f" ({manifest.bytes / 1e6:,.1f} MB), of which {done.new_files:,}"
        f" ({done.new_bytes / 1e6:,.1f} MB) were copied now; {seconds:.1f} s.",
        highlight=False,
    )
