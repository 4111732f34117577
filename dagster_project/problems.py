"""What is wrong in the files that people write, all of it at once."""

from collections.abc import Callable, Iterable

from dagster_project.platform import Platform
from ml_assets.spec.errors import SpecError


def problems(platform: Platform) -> list[SpecError]:
    """All errors of all files, by file and place.

    Raises:
        TidemarkError: Nothing can be checked: dbt cannot parse its project, or a file of it
            declares a source that cannot be.
    """
    found = [error for find in _FINDERS for error in find(platform)]
    return sorted(found, key=lambda error: (error.file, error.line, error.column))


def _of_specs(platform: Platform) -> Iterable[SpecError]:
    return (error for broken in platform.broken_specs for error in broken.errors)


# One for each kind of file.
_FINDERS: tuple[Callable[[Platform], Iterable[SpecError]], ...] = (_of_specs,)
