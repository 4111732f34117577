"""The algorithms that a model spec can name, each with its own parameters."""

from typing import Annotated, Any, Literal

from pydantic import Field

from lakehouse.declaration.section import Number, Section, WholeNumber
from ml_assets.metrics import TaskName

_CLASSES: tuple[TaskName, ...] = ("classification", "ordinal")
_QUANTITIES: tuple[TaskName, ...] = ("regression", "forecast")
TASKS: dict[str, tuple[TaskName, ...]] = {
    "linear": _CLASSES + _QUANTITIES,
    "linear_text": _CLASSES,
    "lightgbm": _CLASSES + _QUANTITIES,
    "hist_gradient_boosting": _CLASSES + _QUANTITIES,
    "ordinal": ("ordinal",),
    "quantile": _QUANTITIES,
    "estimator": _CLASSES + _QUANTITIES,
}
"""The tasks that each algorithm is for, by its name."""


class LinearParameters(Section):
    """Parameters of a linear model."""

    ngrams: WholeNumber = Field(2, ge=1, le=3, description="Longest run of words that is a term.")
    min_document_frequency: WholeNumber = Field(
        2, ge=1, description="Texts that a term must appear in to be used."
    )
    max_features: WholeNumber = Field(
        200_000,
        ge=100,
        le=5_000_000,
        description="Most terms kept of each text, the most frequent first.",
    )
    regularization: Number = Field(
        1.0, gt=0, description="Inverse strength of the L2 penalty (C); smaller is simpler."
    )
    max_iterations: WholeNumber = Field(
        300, ge=1, le=100_000, description="Most steps of the optimizer."
    )


class TextComponentParameters(Section):
    """How texts become dense columns, for what cannot read words by the thousand."""

    text_components: WholeNumber = Field(
        64, ge=1, le=1024, description="Dense columns that each text is reduced to."
    )
    text_hash_bits: WholeNumber = Field(
        18, ge=8, le=24, description="Terms are hashed to 2^bits columns before the reduction."
    )


class TreeParameters(TextComponentParameters):
    """Parameters of the boosted trees."""

    trees: WholeNumber = Field(300, ge=1, le=20_000, description="Boosting rounds.")
    leaves: WholeNumber = Field(31, ge=2, le=4096, description="Most leaves of a tree.")
    learning_rate: Number = Field(0.05, gt=0, le=1, description="Weight of each new tree.")
    min_rows_per_leaf: WholeNumber = Field(20, ge=1, description="Fewest training rows in a leaf.")


class HistogramParameters(TreeParameters):
    """Parameters of scikit-learn's boosted trees."""

    l2_regularization: Number = Field(0.0, ge=0, description="L2 penalty on the leaves' values.")
    categories: WholeNumber = Field(
        100, ge=2, le=254, description="Most categories of a column; the rarest share one."
    )


class Linear(Section):
    """A linear model: logistic regression of classes, ridge regression of numbers."""

    name: Literal["linear"] = Field(description="Name of the algorithm.")
    parameters: LinearParameters = Field(
        default_factory=LinearParameters, description="Its parameters."
    )


class LinearText(Section):
    """A linear model over the words of the texts, joined with the other features; classes only."""

    name: Literal["linear_text"] = Field(description="Name of the algorithm.")
    parameters: LinearParameters = Field(
        default_factory=LinearParameters, description="Its parameters."
    )


class LightGbm(Section):
    """Boosted trees over all features, texts reduced to dense columns."""

    name: Literal["lightgbm"] = Field(description="Name of the algorithm.")
    parameters: TreeParameters = Field(
        default_factory=TreeParameters, description="Its parameters."
    )


class HistGradientBoosting(Section):
    """scikit-learn's boosted trees, which split categories into sets; texts reduced to columns."""

    name: Literal["hist_gradient_boosting"] = Field(description="Name of the algorithm.")
    parameters: HistogramParameters = Field(
        default_factory=HistogramParameters, description="Its parameters."
    )


class Ordinal(Section):
    """Proportional odds: one linear score and a threshold between each two neighbouring classes."""

    name: Literal["ordinal"] = Field(description="Name of the algorithm.")
    parameters: LinearParameters = Field(
        default_factory=LinearParameters, description="Its parameters."
    )


class Quantile(Section):
    """Boosted trees for the median and both ends of the interval, which so differs by row."""

    name: Literal["quantile"] = Field(description="Name of the algorithm.")
    parameters: TreeParameters = Field(
        default_factory=TreeParameters, description="Its parameters."
    )


class Estimator(Section):
    """A class of one's own, or of any library, with scikit-learn's interface."""

    name: Literal["estimator"] = Field(description="Name of the algorithm.")
    class_path: str = Field(
        alias="class",
        pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$",
        description="Import path of the class, as in my_package.my_module.MyClassifier.",
    )
    input: Literal["matrix", "frame"] = Field(
        "matrix",
        description="What `fit` is given: the preprocessed numbers (rows, columns), or the"
        " features as they are, as a pandas frame.",
    )
    preprocessing: TextComponentParameters = Field(
        default_factory=TextComponentParameters,
        description="How texts become columns of the matrix.",
    )
    parameters: dict[str, Any] = Field(
        default_factory=dict, description="Arguments of the class, by name."
    )


Algorithm = Annotated[
    Linear | LinearText | LightGbm | HistGradientBoosting | Ordinal | Quantile | Estimator,
    Field(discriminator="name"),
]
"""The estimators that a model spec can name."""


def parameter_values(algorithm: Algorithm) -> dict[str, Any]:
    """The algorithm's parameters by name, defaults included.

    >>> parameter_values(LightGbm(name="lightgbm"))["leaves"]
    31
    """
    if isinstance(algorithm, Estimator):
        return dict(algorithm.parameters)
    return algorithm.parameters.model_dump()
