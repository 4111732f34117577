"""`tidemark check`: settings, sources, dbt project and specs, before anything runs."""

from dataclasses import asdict

from dagster_project.cli.output import JsonOption, console, print_json
from dagster_project.platform import load_platform
from dagster_project.problems import problems
from lakehouse.errors import TidemarkError


def check(json: JsonOption = False) -> None:
    """Check settings, Postgres, sources, the dbt project and all specs, with file and line."""
    platform = load_platform()
    _ = platform.settings.server  # starts the embedded Postgres, or asks one's own
    _ = platform.sources
    found = problems(platform)
    if json:
        print_json(
            {
                "sources": list(platform.sources),
                "models": list(platform.good_specs),
                "errors": [asdict(error) for error in found],
            }
        )
    else:
        for error in found:
            console.print(error.render(), markup=False, highlight=False, soft_wrap=True)
        names = ", ".join(platform.good_specs) or "none"
        console.print(
            f"sources: {', '.join(platform.sources) or 'none'}; models without errors: {names}",
            highlight=False,
            soft_wrap=True,
        )
    if found:
        files = len({error.file for error in found})
        raise TidemarkError(
            f"{len(found)} errors in {files} specs.",
            hint="Correct the lines named above; models without errors run all the same.",
        )
