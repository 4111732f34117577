"""`tidemark check`: settings, sources, dbt project and specs, before anything runs."""

from dagster_project.cli.output import JsonOption, console, print_json
from dagster_project.platform import load_platform
from lakehouse.errors import TidemarkError


def check(json: JsonOption = False) -> None:
    """Check settings, Postgres, sources, the dbt project and all specs, with file and line."""
    platform = load_platform()
    _ = platform.settings.server  # starts the embedded Postgres, or asks one's own
    errors = [error.render() for broken in platform.broken_specs for error in broken.errors]
    if json:
        print_json(
            {
                "models": list(platform.good_specs),
                "extractions": list(platform.extractions),
                "errors": errors,
            }
        )
    else:
        for error in errors:
            console.print(error, markup=False, highlight=False)
        names = ", ".join([*platform.good_specs, *platform.extractions]) or "none"
        console.print(
            f"sources: {', '.join(platform.sources) or 'none'}; models without errors: {names}",
            highlight=False,
        )
    if errors:
        raise TidemarkError(
            f"{len(errors)} errors in {len(platform.broken_specs)} specs.",
            hint="Correct the lines named above; models without errors run all the same.",
        )
