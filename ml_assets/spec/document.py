"""The model spec: one file that declares a model, from its table to its retraining."""

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from lakehouse.declaration.contradiction import contradiction_error
from lakehouse.declaration.section import ColumnName, Section, WholeNumber
from ml_assets.gate_policy import GatePolicy
from ml_assets.metrics import MetricName, TaskName
from ml_assets.spec.algorithm import Algorithm
from ml_assets.spec.operating_sections import Freshness, Monitors, Retraining, Scoring
from ml_assets.spec.rules import contradictions
from ml_assets.spec.search_section import Search
from ml_assets.spec.training_sections import (
    Balancing,
    ClassValue,
    Features,
    Forecast,
    Intervals,
    Label,
    Split,
)

# What quantities are judged by where the spec names no metric; classes have the fields' defaults.
_USUAL_METRIC: dict[str, MetricName] = {
    "regression": "mean_absolute_error",
    "forecast": "mean_absolute_error",
}


class ModelSpec(Section):
    """A model as declared in one YAML file."""

    name: str = Field(
        pattern="^[a-z][a-z0-9_]*$",
        max_length=60,
        description="Name of the model and of its group: lower-case letters, digits, underscores.",
    )
    description: str = Field("", description="What the model is for, in words.")
    task: TaskName = Field(
        description="What is predicted: unordered classes, classes ordered from low to high, a"
        " number, or the number that a series will have some rows later."
    )
    table: str = Field(
        pattern="^[A-Za-z_][A-Za-z0-9_]*$",
        description="The dbt model (a mart) that holds entities, features and labels.",
    )
    entity_key: ColumnName = Field(description="Column that identifies a row of the table.")
    event_time: ColumnName = Field(description="Column with the UTC time that a row stands for.")
    rows: dict[ColumnName, Annotated[tuple[ClassValue, ...], Field(min_length=1)]] = Field(
        default_factory=dict,
        description="Only rows of the table in which each of these columns has one of the values"
        " named; all rows where none is named.",
    )
    label: Label = Field(description="What is predicted.")
    forecast: Forecast | None = Field(
        None, description="How far ahead, and from which value on; needed for task forecast."
    )
    features: Features = Field(description="The columns that a prediction is made from.")
    segments: tuple[ColumnName, ...] = Field(
        (), description="Columns by whose values the gate and the monitors also look."
    )
    algorithm: Algorithm = Field(description="The algorithm and its parameters.")
    search: Search | None = Field(
        None, description="Parameters that are searched for; null to take those given."
    )
    split: Split = Field(default_factory=Split, description="What is kept away from training.")
    intervals: Intervals = Field(
        default_factory=Intervals, description="The intervals around predicted numbers."
    )
    balancing: Balancing = Field(
        default_factory=Balancing, description="How rare classes are given more say."
    )
    gate: GatePolicy = Field(
        default_factory=GatePolicy, description="What a challenger must show to be promoted."
    )
    scoring: Scoring = Field(default_factory=Scoring, description="How rows are scored in batch.")
    monitors: Monitors = Field(
        default_factory=Monitors, description="What is watched in production."
    )
    retraining: Retraining = Field(
        default_factory=Retraining, description="When a challenger is trained by itself."
    )
    freshness: Freshness | None = Field(
        None, description="How old the newest scores may be; null for any age."
    )
    seed: WholeNumber = Field(7, ge=0, le=2**31 - 1, description="Seed of everything random.")

    @model_validator(mode="before")
    @classmethod
    def _usual_metrics(cls, data: Any) -> Any:
        """The task's usual metric for gate and monitor, where they name none."""
        usual = _USUAL_METRIC.get(str(data.get("task"))) if isinstance(data, dict) else None
        if usual is None:
            return data
        filled = dict(data)
        gate = filled.get("gate", {})
        if isinstance(gate, dict):
            filled["gate"] = {"metric": usual} | gate
        monitors = filled.get("monitors", {})
        if isinstance(monitors, dict):
            performance = monitors.get("performance", {})
            if isinstance(performance, dict):
                filled["monitors"] = monitors | {"performance": {"metric": usual} | performance}
        return filled

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        found = contradictions(self)
        if found:
            raise contradiction_error(found)
        return self
