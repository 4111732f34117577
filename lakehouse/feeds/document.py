"""A source as declared in one YAML file: where bytes come from, and how they become raw rows."""

from functools import cached_property
from typing import Self

from pydantic import ConfigDict, Field, model_validator

from lakehouse.declaration.contradiction import contradiction_error
from lakehouse.declaration.section import Section
from lakehouse.feeds.origins import Files, Http, Origin, Postgres, Pulled, Url
from lakehouse.feeds.reading import RECORDS_PATTERN, Columns, Reading, reading_identity
from lakehouse.feeds.rules import contradictions


class Feed(Section):
    """A source: its files land in a folder of its name and become rows of a raw table."""

    model_config = ConfigDict(populate_by_name=True)

    name: str = Field(
        pattern="^[a-z][a-z0-9_]*$",
        max_length=100,
        description="Name of the source and of the folder where its files land.",
    )
    description: str = Field("", description="What the source is, in words.")
    into: str | None = Field(
        None,
        pattern="^[a-z][a-z0-9_]*$",
        description="Raw table that the rows go to, a table of the dbt source `raw`; null: the"
        " one of the source's name.",
    )
    read: Reading = Field(default_factory=Reading, description="How its files are to be read.")
    records: str | None = Field(
        None,
        pattern=RECORDS_PATTERN,
        description="Path to the records within a JSON document, as in bmx.series[].datos[].",
    )
    columns: Columns = Field(
        default_factory=dict,
        description="For each raw column a column of the file, `{value: constant}` or, with"
        " `records`, `{parent: field}`; empty: all columns under their own names.",
    )
    origin: Origin = Field(
        default_factory=Files, alias="from", description="Where its bytes come from."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if found := contradictions(self):
            raise contradiction_error(found)
        return self

    @property
    def table(self) -> str:
        """The raw table that the rows go to."""
        return self.into or self.name

    @property
    def pulled(self) -> Pulled | None:
        """Where the bytes are fetched from; None for a source that others bring."""
        return self.origin if isinstance(self.origin, Http | Postgres | Url) else None

    @property
    def detected_by(self) -> Reading:
        """What need not be told from a file's content; a path to records means a JSON document."""
        return (
            self.read if self.records is None else self.read.model_copy(update={"format": "json"})
        )

    @cached_property
    def reading(self) -> str:
        """What changes when the files are to be read in another way."""
        return reading_identity(self.read, self.records, self.columns)

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that it needs."""
        found = (getattr(self.origin, name, None) for name in ("token", "connection", "secret"))
        return tuple(name for name in found if name is not None)
