"""What all sections of a declaration share: frozen, closed, strict about numbers."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# Strict: "3" and true are not numbers in a declaration.
WholeNumber = Annotated[int, Field(strict=True)]
Number = Annotated[float, Field(strict=True)]
ColumnName = Annotated[str, Field(min_length=1)]


class Section(BaseModel):
    """A part of a declaration; unknown fields are errors, and nothing changes after loading."""

    # Where Python's keywords make a field's name differ from the file's, the file's is written.
    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, serialize_by_alias=True
    )
