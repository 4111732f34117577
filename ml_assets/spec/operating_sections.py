"""Sections of a model spec that say how it runs: scoring, monitors, retraining, freshness."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from lakehouse.declaration.section import ColumnName, Number, Section, WholeNumber
from ml_assets.metrics import MetricName

WindowKind = Literal["day", "week", "month", "quarter", "year"]
RetrainingCause = Literal["drift", "performance", "age", "new_labels"]


class Scoring(Section):
    """How rows are scored in batch."""

    rescore: Literal["on_request", "on_promotion"] = Field(
        "on_request",
        description="When rows that an older version scored are scored again by the new champion.",
    )
    rows_per_task: WholeNumber = Field(
        250_000, ge=1_000, le=10_000_000, description="Rows that one scoring task reads."
    )


class PerformanceMonitor(Section):
    """The realised metric that is watched once labels are known."""

    metric: MetricName = Field(
        "accuracy",
        description="The metric; the error and kappa of ordered classes need task ordinal.",
    )
    max_drop: Number = Field(
        0.05, gt=0, description="How much worse than on the hold-out it may be, in its own unit."
    )


def _all_or_list(value: Any) -> str:
    return "all" if isinstance(value, str) else "list"


MonitoredFeatures = Annotated[
    Annotated[Literal["all"], Tag("all")]
    | Annotated[tuple[ColumnName, ...], Field(min_length=1), Tag("list")],
    Discriminator(_all_or_list),
]


class Monitors(Section):
    """What is watched in production, per window of the event time."""

    window: WindowKind = Field("month", description="Length of a window, in UTC.")
    features: MonitoredFeatures = Field("all", description="Features watched for drift.")
    psi: Number = Field(
        0.2, gt=0, description="Smallest population stability index that counts as drift."
    )
    alpha: Number = Field(
        0.01,
        gt=0,
        lt=0.5,
        description="Chance of a false alarm in a window, over all features and segments together.",
    )
    persistence: WholeNumber = Field(
        1, ge=1, le=24, description="Windows in a row that must drift before it is evidence."
    )
    performance: PerformanceMonitor | None = Field(
        default_factory=PerformanceMonitor, description="Realised performance; null turns it off."
    )
    min_rows: WholeNumber = Field(
        200, ge=1, description="Rows that a window or segment needs to be judged."
    )


class Retraining(Section):
    """When a challenger is trained without anybody asking."""

    on: tuple[RetrainingCause, ...] = Field(
        ("drift", "performance"), description="The causes that count; empty for never."
    )
    cool_down_days: Number = Field(
        7, ge=0, description="Days after an automatic retraining in which no other is asked for."
    )
    max_age_days: Number | None = Field(
        None, gt=0, description="Age of the model that is a cause; needed for `age`."
    )
    new_labels_share: Number | None = Field(
        None,
        gt=0,
        description="New labels, as a share of those trained on, that are a cause; needed for"
        " `new_labels`.",
    )


class Freshness(Section):
    """How old the newest scores may be."""

    warn_hours: Number = Field(gt=0, description="Age in hours that gives a warning.")
    fail_hours: Number = Field(gt=0, description="Age in hours that counts as a failure.")
