"""The promotion gate's policy: the part of a model spec that says what a challenger must show."""

from typing import Self

from pydantic import Field, model_validator

from lakehouse.declaration.section import Number, Section, WholeNumber
from ml_assets.metrics import MetricName


class GatePolicy(Section):
    """What a challenger has to show before it is promoted."""

    metric: MetricName = Field(
        "macro_f1", description="The primary metric, on which models are compared."
    )
    min_gain: Number = Field(
        0.0,
        ge=0,
        description="Gain over the champion on the primary metric that must be exceeded.",
    )
    significance: bool = Field(
        default=True,
        description="Whether the whole interval of a gain must exceed what is required, not the "
        "estimate alone.",
    )
    confidence: Number = Field(0.95, gt=0, lt=1, description="Confidence of the paired intervals.")
    must_beat_baseline: bool = Field(
        default=True, description="Whether the challenger must also beat the naive baseline."
    )
    max_segment_loss: Number = Field(
        0.05,
        ge=0,
        description="Loss on the primary metric against the champion that a segment may show; a "
        "larger one fails where its interval also excludes no loss.",
    )
    min_segment_rows: WholeNumber = Field(
        100, ge=2, description="Rows, near duplicates counted once, from which a segment is judged."
    )
    min_holdout_rows: WholeNumber = Field(
        200, ge=2, description="Fewest hold-out rows, near duplicates counted once, to judge on."
    )
    minimum: dict[MetricName, Number] = Field(
        default_factory=dict, description="Least value of each metric named, for the challenger."
    )
    maximum: dict[MetricName, Number] = Field(
        default_factory=dict, description="Largest value of each metric named, for the challenger."
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for name in self.minimum.keys() & self.maximum.keys():
            if self.minimum[name] > self.maximum[name]:
                raise ValueError(
                    f"no {name} is at least {self.minimum[name]:g} and at most "
                    f"{self.maximum[name]:g}"
                )
        return self
