"""How a source's files are read: format, records within a document, columns of the raw table."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from lakehouse.declaration.section import ColumnName, Section

# Keys joined by dots, each followed by `[]` where it holds a list.
RECORDS_PATTERN = r"^(\[\]|[^.\[\]]+(\[\])?)(\.[^.\[\]]+(\[\])?)*$"
_PART = re.compile(r"([^.\[\]]*)(\[\])?")


class Reading(Section):
    """What is not left to detection from the files' content."""

    format: Literal["csv", "json", "jsonl", "parquet"] | None = Field(
        None, description="Format of the files; null to tell it from each file."
    )
    encoding: Literal["utf-8", "utf-16-le", "utf-16-be", "cp1252"] | None = Field(
        None, description="Encoding of text files; null to tell it. Latin-1 is a part of cp1252."
    )
    delimiter: str | None = Field(
        None, min_length=1, max_length=1, description="Delimiter of CSV files; null to tell it."
    )


class ColumnFrom(Section):
    """Where the values of a raw column come from: one of `column`, `value`, `parent`."""

    column: tuple[ColumnName, ...] = Field(
        (), description="Column or field of the file; of several names, the first that it has."
    )
    value: str | None = Field(None, description="A constant, the same in every row.")
    parent: ColumnName | None = Field(
        None, description="Field of an object around the record, the nearest that has it."
    )
    optional: bool = Field(
        False, description="Whether a file may lack the column; its values are null then."
    )

    @property
    def names(self) -> tuple[str, ...]:
        """The names that the values may have in the file, as its reader gives them."""
        return (parent_key(self.parent),) if self.parent is not None else self.column

    @property
    def described(self) -> str:
        """What a file needs to have, in words."""
        if self.parent is not None:
            return f"'{self.parent}' around its records"
        return " or ".join(f"'{name}'" for name in self.column)


def parent_key(field: str) -> str:
    """The name under which a record carries a field of an object around it."""
    return f"parent: {field}"


def _written_short(value: Any) -> Any:
    """A name or a list of names as the section that it stands for."""
    if isinstance(value, str):
        return {"column": [value]}
    if isinstance(value, list):
        return {"column": value}
    if isinstance(value, dict) and isinstance(value.get("column"), str):
        return value | {"column": [value["column"]]}
    return value


class _ShortForms:
    """Tells editors of the short forms too."""

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        names = {"type": "array", "items": {"type": "string"}}
        return {"anyOf": [{"type": "string"}, names, handler(core_schema)]}


ColumnSource = Annotated[ColumnFrom, BeforeValidator(_written_short), _ShortForms()]
Columns = Mapping[str, ColumnSource]


def path_parts(records: str) -> list[str]:
    """The steps to the records: keys, and `[]` for each element of a list.

    >>> path_parts("bmx.series[].datos[]"), path_parts("[].rows[]")
    (['bmx', 'series', '[]', 'datos', '[]'], ['[]', 'rows', '[]'])
    """
    parts: list[str] = []
    for key, elements in (
        match.groups() for match in map(_PART.fullmatch, records.split(".")) if match
    ):
        parts += [part for part in (key, elements) if part]
    return parts


def reading_identity(reading: Reading, records: str | None, columns: Columns) -> str:
    """What changes when files are to be read in another way; empty where nothing is declared."""
    declared = {
        "read": reading.model_dump(exclude_none=True),
        "records": records,
        "columns": {name: column.model_dump() for name, column in columns.items()},
    }
    if not any(declared.values()):
        return ""
    return hashlib.sha256(json.dumps(declared, sort_keys=True).encode()).hexdigest()[:12]
