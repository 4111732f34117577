"""The section of a model spec that has parameters searched for instead of given."""

import math
from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, Tag

from lakehouse.declaration.section import Number, Section, WholeNumber


def _scalar(value: object) -> object:
    if value is not None and not isinstance(value, bool | int | float | str):
        raise ValueError("a choice is a text, a number, true, false or null")
    return value


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is not a finite number")
    return value


Bound = Annotated[int | float, BeforeValidator(_number)]
Choice = Annotated[bool | int | float | str | None, BeforeValidator(_scalar)]
Choices = Annotated[tuple[Choice, ...], Field(min_length=1)]


class Range(Section):
    """All numbers from the lowest to the highest; whole ones where both ends are whole."""

    low: Bound = Field(description="Lowest value.")
    high: Bound = Field(description="Highest value.")
    log: bool = Field(
        False, strict=True, description="Whether each factor of ten is as likely as any other."
    )


def _kind(value: Any) -> str:
    return "choices" if isinstance(value, list | tuple) else "range"


Space = Annotated[
    Annotated[Range, Tag("range")] | Annotated[Choices, Tag("choices")], Discriminator(_kind)
]


class Search(Section):
    """Parameters of the algorithm that are searched for, on folds of the training rows."""

    trials: WholeNumber = Field(
        30, ge=1, le=10_000, description="Most settings tried, the algorithm's own first."
    )
    seconds: Number = Field(
        600.0, gt=0, description="Seconds after which no further setting is tried."
    )
    folds: WholeNumber = Field(
        3, ge=2, le=20, description="Folds of the training rows that each setting is tried on."
    )
    parameters: dict[str, Space] = Field(
        min_length=1,
        description="By parameter of the algorithm: a list of choices, or a range.",
    )
