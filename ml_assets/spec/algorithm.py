"""The algorithms that a model spec can name, each with its own parameters."""

from typing import Annotated, Literal

from pydantic import Field

from lakehouse.declaration.section import Number, Section, WholeNumber


class LinearTextParameters(Section):
    """Parameters of the linear model over words."""

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


class LightGbmParameters(Section):
    """Parameters of the boosted trees."""

    trees: WholeNumber = Field(300, ge=1, le=20_000, description="Boosting rounds.")
    leaves: WholeNumber = Field(31, ge=2, le=4096, description="Most leaves of a tree.")
    learning_rate: Number = Field(0.05, gt=0, le=1, description="Weight of each new tree.")
    min_rows_per_leaf: WholeNumber = Field(20, ge=1, description="Fewest training rows in a leaf.")
    text_components: WholeNumber = Field(
        64, ge=1, le=1024, description="Dense columns that each text is reduced to."
    )
    text_hash_bits: WholeNumber = Field(
        18, ge=8, le=24, description="Terms are hashed to 2^bits columns before the reduction."
    )


class LinearText(Section):
    """A linear model over the words of the texts, joined with the other features."""

    name: Literal["linear_text"] = Field(description="Name of the algorithm.")
    parameters: LinearTextParameters = Field(
        default_factory=LinearTextParameters, description="Its parameters."
    )


class LightGbm(Section):
    """Boosted trees over all features, texts reduced to dense columns."""

    name: Literal["lightgbm"] = Field(description="Name of the algorithm.")
    parameters: LightGbmParameters = Field(
        default_factory=LightGbmParameters, description="Its parameters."
    )


Algorithm = Annotated[LinearText | LightGbm, Field(discriminator="name")]
