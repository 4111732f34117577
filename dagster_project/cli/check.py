"""`tidemark check`: settings, sources, dbt project and specs, before anything runs."""

from dataclasses import asdict

from dagster_project.cli.output import JsonOption, console, print_json
from dagster_project.platform import load_platform
from dagster_project.problems import problems
from lakehouse.errors import TidemarkError


def check(json: JsonOption = False) -> None:
    """Check settings, Postgres, the dbt project, all sources and specs, with file and line."""
    platform = load_platform()
    _ = platform.settings.server  # starts the embedded Postgres, or asks one's own
    found = problems(platform)
    if json:
        print_json(
            {
                "models": list(platform.good_specs),
                "extractions": list(platform.extractions),
                "sources": list(platform.feeds),
                "errors": [asdict(error) for error in found],
            }
        )
    else:
        for error in found:
            console.print(error.render(), markup=False, highlight=False, soft_wrap=True)
        names = ", ".join([*platform.good_specs, *platform.extractions]) or "none"
        console.print(
            f"raw tables: {', '.join(platform.sources) or 'none'}; sources without errors:"
            f" {', '.join(platform.feeds) or 'none'}; models without errors: {names}",
            highlight=False,
            soft_wrap=True,
        )
    if found:
        files = len({error.file for error in found})
        raise TidemarkError(
            f"{len(found)} errors in {files} files.",
            hint="Correct the lines named above; what is without errors runs all the same.",
        )
