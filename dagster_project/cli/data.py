"""`tidemark land`: own files into the landing zone."""

from pathlib import Path
from typing import Annotated

import typer

from dagster_project.cli.output import JsonOption, console, print_json
from dagster_project.platform import load_platform
from lakehouse.landing.files import land_files
from lakehouse.sources import find_source, landing_folders


def land(
    source: Annotated[str, typer.Argument(help="A raw table, or a source of sources/.")],
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders of files, to land.")],
    json: JsonOption = False,
) -> None:
    """Copy files into the landing zone of a source, byte for byte.

    JSON lines, JSON, CSV and Parquet are understood, plain or with gzip or zstd, in UTF-8, UTF-16
    or Latin-1. Nothing is loaded yet: `tidemark run` does that, and the sensors of `tidemark up`
    do it by themselves. A file landed again under its name replaces the one before.
    """
    platform = load_platform()
    settings = platform.settings
    find_source(landing_folders(platform.sources.values()), source)
    landed = land_files(paths, source=source, landing=settings.landing_path, s3=settings.s3_access)
    if json:
        print_json([{"file": file.key, "bytes": file.size} for file in landed])
        return
    size = sum(file.size for file in landed)
    console.print(
        f"{len(landed)} {'file is' if len(landed) == 1 else 'files are'} in"
        f" {settings.landing_path}/{source} ({size / 1e6:,.1f} MB). Next: [bold]tidemark run[/]",
        highlight=False,
        soft_wrap=True,
    )
