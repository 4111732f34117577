"""What is wrong in the files that people write, all of it at once."""

from dagster_project.platform import Platform
from lakehouse.declaration.errors import SpecError


def problems(platform: Platform) -> list[SpecError]:
    """All errors of all files, by file and place.

    Raises:
        TidemarkError: Nothing can be checked: dbt cannot parse its project, or a file of it
            declares a source that cannot be.
    """
    broken = (*platform.broken_feeds, *platform.broken_specs)
    found = [error for one in broken for error in one.errors]
    return sorted(found, key=lambda error: (error.file, error.line, error.column))
