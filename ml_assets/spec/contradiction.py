"""What the rules between fields of a model spec find."""

from dataclasses import dataclass

from ml_assets.spec.errors import FieldPath


@dataclass(frozen=True)
class Contradiction:
    """Two fields that do not go together: where to look, and what is wrong."""

    path: FieldPath
    message: str
    value: object = ""
    allowed: str = ""
    nearest: str | None = None
