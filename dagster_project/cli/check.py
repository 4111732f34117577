"""`tidemark check`: settings, sources, dbt project and specs, before anything runs."""

from dagster_project.cli.output import JsonOption, console, print_json
from dagster_project.platform import load_platform
from lakehouse.errors import TidemarkError


def check(json: JsonOption = False) -> None:
    """Check settings, Postgres, the dbt project, all sources and specs, with file and line."""
    platform = load_platform()
    _ = platform.settings.server  # starts the embedded Postgres, or asks one's own
    broken = [*platform.broken_feeds, *platform.broken_specs]
    errors = [error.render() for one in broken for error in one.errors]
    if json:
        good = {"models": list(platform.good_specs), "sources": list(platform.feeds)}
        print_json(good | {"errors": errors})
    else:
        for error in errors:
            console.print(error, markup=False, highlight=False)
        names = ", ".join(platform.good_specs) or "none"
        console.print(
            f"raw tables: {', '.join(platform.sources) or 'none'}; sources without errors:"
            f" {', '.join(platform.feeds) or 'none'}; models without errors: {names}",
            highlight=False,
        )
    if errors:
        raise TidemarkError(
            f"{len(errors)} errors in {len(broken)} files.",
            hint="Correct the lines named above; what is without errors runs all the same.",
        )
