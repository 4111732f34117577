"""Two fields of a declaration that do not go together."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic_core import PydanticCustomError

from lakehouse.declaration.errors import FieldPath

CONTRADICTIONS = "contradictions"


@dataclass(frozen=True)
class Contradiction:
    """Two fields that do not go together: where to look, and what is wrong."""

    path: FieldPath
    message: str
    value: object = ""
    allowed: str = ""
    nearest: str | None = None


def contradiction_error(found: Sequence[Contradiction]) -> PydanticCustomError:
    """What a model's validator raises for them, so that each is told at its own place."""
    text = "; ".join(contradiction.message for contradiction in found)
    return PydanticCustomError(CONTRADICTIONS, "{text}", {"text": text, CONTRADICTIONS: found})
