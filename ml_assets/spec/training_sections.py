"""Sections of a model spec that say what is trained on: label, features, split, balancing."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from lakehouse.declaration.section import ColumnName, Number, Section, WholeNumber


def _class_value(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"{str(value).lower()} is a boolean; put a class of that name in quotes")  # noqa: TRY004
    if not isinstance(value, int | str):
        raise ValueError(f"{value!r} is neither text nor a whole number")  # noqa: TRY004
    return value


ClassValue = Annotated[int | str, BeforeValidator(_class_value)]


class Label(Section):
    """What is predicted."""

    column: ColumnName = Field(description="Column of the table that holds the label.")
    delay_days: WholeNumber = Field(
        0, ge=0, le=3650, description="Days after the event time until the label is known."
    )
    classes: tuple[ClassValue, ...] = Field(
        (),
        max_length=100,
        description="The values of the label: whole numbers or texts; lowest first if ordinal."
        " Two or more for classification and ordinal, none for other tasks.",
    )


class Forecast(Section):
    """What is forecast: the change from the last known value."""

    anchor: ColumnName = Field(
        description="Column of the last value known at the event time; predicting it again is the"
        " random walk, which is the baseline."
    )
    horizon: WholeNumber = Field(
        ge=1,
        le=1000,
        description="Rows of the table, in the order of event time, from the anchor to the label.",
    )
    window_rows: WholeNumber | None = Field(
        None,
        ge=10,
        description="Newest rows that are trained on (a sliding window); null for all of them.",
    )


class Intervals(Section):
    """The intervals around predicted numbers."""

    coverage: Number = Field(
        0.9, gt=0, lt=1, description="Share of labels that intervals are to hold."
    )
    scale: ColumnName | None = Field(
        None,
        description="Column of positive numbers, such as the usual size of a move: intervals are"
        " multiples of it, wide where it is large. Null for intervals of one width.",
    )


class Features(Section):
    """The columns that a prediction is made from."""

    text: tuple[ColumnName, ...] = Field((), description="Free texts.")
    categorical: tuple[ColumnName, ...] = Field((), description="Names, codes and booleans.")
    numeric: tuple[ColumnName, ...] = Field((), description="Numbers and booleans.")

    @property
    def columns(self) -> tuple[str, ...]:
        """All feature columns: texts, then categories, then numbers."""
        return self.text + self.categorical + self.numeric


class NearDuplicates(Section):
    """Rows with nearly equal texts share a group, which a split never divides."""

    columns: tuple[ColumnName, ...] = Field(
        min_length=1, description="Text columns that are compared, joined."
    )
    similarity: Number = Field(
        0.8, gt=0, le=1, description="Jaccard similarity from which texts count as nearly equal."
    )


class Split(Section):
    """What is kept away from training to measure the model on."""

    holdout: Number = Field(
        0.2, ge=0.01, le=0.5, description="Share of the rows that is kept to judge on."
    )
    by: Literal["time", "chance"] = Field(
        "time",
        description="Which rows: the newest by event time, as it will be in production; or drawn"
        " by chance, where the table has no times that mean anything.",
    )
    near_duplicates: NearDuplicates | None = Field(
        None, description="How nearly equal rows are kept on one side; none looks for none."
    )
    folds: WholeNumber = Field(
        0, ge=0, le=20, description="Cross-validation folds inside the training rows; 0 for none."
    )


class Balancing(Section):
    """How rare classes are given more say in training."""

    method: Literal["none", "weights", "undersampling"] = Field(
        "none", description="Leave as is, weigh the rows, or drop rows of frequent classes."
    )
    ratio: Number = Field(
        1.0,
        ge=1,
        le=1000,
        description="How much the most frequent class may outweigh the rarest; 1 makes all equal.",
    )
