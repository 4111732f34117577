"""A class with scikit-learn's interface by import path, and what keeps one from being used."""

import importlib
import inspect
from collections.abc import Iterator
from typing import Any

from lakehouse.declaration.contradiction import Contradiction
from lakehouse.declaration.errors import SpecError, SpecSource, nearest_of
from lakehouse.errors import TidemarkError
from ml_assets.spec.algorithm import Estimator
from ml_assets.spec.document import ModelSpec

_CLASS = ("algorithm", "class")
_PARAMETERS = ("algorithm", "parameters")


def load_class(class_path: str) -> type[Any]:
    """The class at the import path.

    Raises:
        TidemarkError: It cannot be imported; the message says what is missing.
    """
    module_name, _, name = class_path.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise _missing(class_path, module_name, error) from error
    except Exception as error:
        # Whatever the code of others does on import, it is told and not passed on.
        raise TidemarkError(
            f"{module_name} fails when it is imported: {type(error).__name__}: {error}",
            hint=f'Correct it: python -c "import {module_name}" must work.',
        ) from error
    found = getattr(module, name, None)
    if not isinstance(found, type):
        classes = [key for key, value in vars(module).items() if isinstance(value, type)]
        near = nearest_of(name, classes)
        problem = "no class" if found is None else f"a {type(found).__name__}, which is no class,"
        raise TidemarkError(
            f"{module_name} has {problem} named '{name}'.",
            hint=f"Did you mean {module_name}.{near}?"
            if near
            else f"It has {', '.join(classes) or 'no class at all'}.",
        )
    return found


def check_estimator(spec: ModelSpec, source: SpecSource) -> list[SpecError]:
    """What keeps the spec's own estimator from being used, by line; nothing of other algorithms."""
    if not isinstance(spec.algorithm, Estimator):
        return []
    searched = tuple(spec.search.parameters) if spec.search else ()
    return [
        source.error(
            fault.path,
            fault.message,
            value=fault.value,
            allowed=fault.allowed,
            nearest=fault.nearest,
        )
        for fault in estimator_faults(
            spec.algorithm, classes=bool(spec.label.classes), searched=searched
        )
    ]


def estimator_faults(
    algorithm: Estimator, *, classes: bool, searched: tuple[str, ...] = ()
) -> Iterator[Contradiction]:
    """All that keeps the class from being used: not there, of another interface, not so built.

    Args:
        algorithm: The spec's section.
        classes: Whether classes are predicted, or numbers.
        searched: Parameters that a search sets.
    """
    try:
        found = load_class(algorithm.class_path)
    except TidemarkError as error:
        yield Contradiction(_CLASS, f"{error.message} {error.hint}", algorithm.class_path)
        return
    needed = ("fit", "predict_proba") if classes else ("fit", "predict")
    missing = [name for name in needed if not callable(getattr(found, name, None))]
    if missing:
        kind = "classes" if classes else "numbers"
        yield Contradiction(
            _CLASS,
            f"{algorithm.class_path} is not compatible with scikit-learn: it has no"
            f" {' and no '.join(missing)}, which {kind} are predicted with.",
            algorithm.class_path,
            f"a class with {' and '.join(needed)}",
        )
        return
    faults = list(_parameter_faults(algorithm, found, searched))
    yield from faults
    if not faults:
        yield from _construction_faults(algorithm, found)


def _parameter_faults(
    algorithm: Estimator, found: type[Any], searched: tuple[str, ...]
) -> Iterator[Contradiction]:
    arguments = inspect.signature(found).parameters
    if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in arguments.values()):
        return
    named = [(*_PARAMETERS, name) for name in algorithm.parameters]
    named += [("search", "parameters", name) for name in searched]
    for path in named:
        if path[-1] not in arguments:
            yield Contradiction(
                path,
                f"'{path[-1]}' is not a parameter of {algorithm.class_path}.",
                path[-1],
                ", ".join(arguments),
                nearest_of(path[-1], arguments),
            )
    given = {*algorithm.parameters, *searched}
    for name, argument in arguments.items():
        has_default = argument.default is not argument.empty
        if not has_default and argument.kind is not argument.VAR_POSITIONAL and name not in given:
            message = f"{algorithm.class_path} needs a value for '{name}'."
            yield Contradiction(_PARAMETERS, message, allowed=", ".join(arguments))


def _construction_faults(algorithm: Estimator, found: type[Any]) -> Iterator[Contradiction]:
    try:
        found(**algorithm.parameters)
    except Exception as error:  # noqa: BLE001 - whatever the class of others raises is told
        message = (
            f"{algorithm.class_path} cannot be made of these parameters:"
            f" {type(error).__name__}: {error}."
        )
        yield Contradiction(_PARAMETERS, message, algorithm.parameters)


def _missing(class_path: str, module: str, error: ModuleNotFoundError) -> TidemarkError:
    if error.name and (module == error.name or module.startswith(f"{error.name}.")):
        return TidemarkError(
            f"{class_path} cannot be imported: there is no module '{error.name}'.",
            hint="Install it into the platform's environment, or add its folder to PYTHONPATH.",
        )
    return TidemarkError(
        f"{class_path} cannot be imported: {module} imports '{error.name}', which is not"
        " installed.",
        hint="Install that into the platform's environment.",
    )
