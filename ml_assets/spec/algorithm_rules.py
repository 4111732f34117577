"""Rules about the algorithm of a model spec and the search for its parameters."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from lakehouse.declaration.contradiction import Contradiction
from lakehouse.declaration.errors import FieldPath, nearest_of
from ml_assets.spec.algorithm import TASKS, Estimator, parameter_values
from ml_assets.spec.search_section import Range

if TYPE_CHECKING:
    from ml_assets.spec.document import ModelSpec


def algorithm_fits_task(spec: "ModelSpec") -> Iterator[Contradiction]:
    """The algorithm must be one for the task."""
    name = spec.algorithm.name
    if spec.task not in TASKS[name]:
        yield Contradiction(
            ("algorithm", "name"),
            f"The task is {spec.task}, which '{name}' is not for.",
            name,
            ", ".join(algorithm for algorithm, tasks in TASKS.items() if spec.task in tasks),
        )


def search_is_possible(spec: "ModelSpec") -> Iterator[Contradiction]:
    """What is searched for must be parameters, and every value in the space must be allowed."""
    if spec.search is None:
        return
    known = () if isinstance(spec.algorithm, Estimator) else tuple(parameter_values(spec.algorithm))
    for name, space in spec.search.parameters.items():
        path: FieldPath = ("search", "parameters", name)
        if known and name not in known:
            message = f"'{name}' is not a parameter of '{spec.algorithm.name}'."
            yield Contradiction(path, message, name, ", ".join(known), nearest_of(name, known))
        elif isinstance(space, Range):
            yield from _range(spec, path, name, space)
        else:
            for index, value in enumerate(space):
                if any(_same(value, other) for other in space[:index]):
                    yield Contradiction((*path, index), f"{value!r} is named twice.", value)
                yield from _value(spec, (*path, index), name, value)


def _range(spec: "ModelSpec", path: FieldPath, name: str, space: Range) -> Iterator[Contradiction]:
    if space.low >= space.high:
        message = f"The range ends at {space.high}, before or where it begins, at {space.low}."
        yield Contradiction((*path, "high"), message, space.high, f"more than {space.low}")
    if space.log and space.low <= 0:
        message = f"A logarithmic range cannot begin at {space.low}."
        yield Contradiction((*path, "low"), message, space.low, "more than 0")
    for end in ("low", "high"):
        yield from _value(spec, (*path, end), name, getattr(space, end))


def _value(spec: "ModelSpec", path: FieldPath, name: str, value: Any) -> Iterator[Contradiction]:
    """Whether the parameter may have the value, by the rules of the algorithm's own section."""
    if isinstance(spec.algorithm, Estimator):
        return
    parameters = spec.algorithm.parameters
    try:
        type(parameters).model_validate(parameters.model_dump() | {name: value})
    except ValidationError as error:
        reason = error.errors(include_url=False)[0]["msg"].removeprefix("Input ")
        yield Contradiction(path, f"{value!r} cannot be {name}: it {reason}.", value)


def _same(one: object, other: object) -> bool:
    # 1, 1.0 and true are equal in Python, and different settings here.
    return type(one) is type(other) and one == other
