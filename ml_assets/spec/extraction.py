"""The extraction spec: one file that declares which fields are drawn from the texts of a table."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lakehouse.declaration.contradiction import contradiction_error
from lakehouse.declaration.section import ColumnName, Section, WholeNumber
from ml_assets.spec.extraction_rules import extraction_contradictions
from ml_assets.spec.extraction_sections import Extraction, ExtractionGate, ExtractionMonitors
from ml_assets.spec.operating_sections import Freshness, Scoring
from ml_assets.spec.training_sections import ClassValue


class ExtractionSpec(Section):
    """An extraction as declared in one YAML file."""

    name: str = Field(
        pattern="^[a-z][a-z0-9_]*$",
        max_length=60,
        description="Name of the extraction and of its group: lower-case letters, digits,"
        " underscores.",
    )
    description: str = Field("", description="What the extraction is for, in words.")
    task: Literal["extraction"] = Field(description="Fields are drawn from texts.")
    table: str = Field(
        pattern="^[A-Za-z_][A-Za-z0-9_]*$",
        description="The dbt model (a mart) that holds the texts.",
    )
    entity_key: ColumnName = Field(description="Column that identifies a row of the table.")
    event_time: ColumnName = Field(description="Column with the UTC time that a row stands for.")
    rows: dict[ColumnName, Annotated[tuple[ClassValue, ...], Field(min_length=1)]] = Field(
        default_factory=dict,
        description="Only rows of the table in which each of these columns has one of the values"
        " named; all rows where none is named.",
    )
    extraction: Extraction = Field(description="What is drawn from which texts.")
    gate: ExtractionGate = Field(
        default_factory=ExtractionGate, description="What a new version has to show."
    )
    scoring: Scoring = Field(default_factory=Scoring, description="How rows are read in batch.")
    monitors: ExtractionMonitors = Field(
        default_factory=ExtractionMonitors, description="What is watched in production."
    )
    freshness: Freshness | None = Field(
        None, description="How old the newest rows may be; null for any age."
    )
    seed: WholeNumber = Field(7, ge=0, le=2**31 - 1, description="Seed of the gate's resamples.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        found = extraction_contradictions(self)
        if found:
            raise contradiction_error(found)
        return self
