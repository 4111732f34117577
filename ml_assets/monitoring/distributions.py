"""What a model version is compared with: distributions in bins and metrics, as JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

BinKind = Literal["numeric", "categorical", "text_length"]

# The segment that holds every row.
ALL = "all"


@dataclass(frozen=True)
class FeatureBins:
    """How the values of one feature are put into bins.

    Numeric bins are right-closed: below the reference's range, up to each edge, above its range.
    Categorical bins are all other values first, then one for each of `values`. The last bin of
    either kind counts nulls and numbers that are not finite.

    Attributes:
        name: Name in reports: the column, or `length(column)` for a text.
        column: The column.
        kind: Which bins; a text is watched by its length in characters.
        edges: Upper edges of the numeric bins but the last, ascending; the first is just below the
            reference's minimum, the last is its maximum.
        values: The categories with a bin of their own, the most frequent first.
    """

    name: str
    column: str
    kind: BinKind
    edges: tuple[float, ...] = ()
    values: tuple[str, ...] = ()

    @property
    def n_bins(self) -> int:
        """Number of bins, that of nulls included."""
        return (len(self.values) if self.kind == "categorical" else len(self.edges)) + 2


@dataclass(frozen=True)
class Distribution:
    """Counts per bin, for all rows and for each segment that is large enough.

    Attributes:
        bins: The features' bins.
        rows: Number of rows by segment; `all` is every row, others are `column=value`.
        counts: By segment, for each feature in the order of `bins`, the rows in each bin.
    """

    bins: tuple[FeatureBins, ...]
    rows: Mapping[str, int]
    counts: Mapping[str, tuple[tuple[int, ...], ...]]


@dataclass(frozen=True)
class ModelReference:
    """What a model version has seen and how well it did, to compare later windows with.

    Attributes:
        cutoff: First event time of the hold-out (UTC); what is older was trained on.
        known_until: Newest event time of the training set (UTC), its hold-out included.
        segments: By segment column, the values that are looked at apart.
        features: The features in the training rows.
        predictions: The predictions on the hold-out.
        metrics: By segment, the metrics on the hold-out.
    """

    cutoff: datetime
    known_until: datetime
    segments: Mapping[str, tuple[str, ...]]
    features: Distribution
    predictions: Distribution
    metrics: Mapping[str, Mapping[str, float]]


def reference_to_json(reference: ModelReference) -> dict[str, Any]:
    """The reference as plain JSON values; `reference_from_json` gives it back."""
    return {
        **asdict(reference),
        "cutoff": reference.cutoff.isoformat(),
        "known_until": reference.known_until.isoformat(),
    }


def reference_from_json(document: Mapping[str, Any]) -> ModelReference:
    """The reference out of its JSON document."""
    return ModelReference(
        cutoff=datetime.fromisoformat(document["cutoff"]),
        known_until=datetime.fromisoformat(document["known_until"]),
        segments={name: tuple(values) for name, values in document["segments"].items()},
        features=_distribution(document["features"]),
        predictions=_distribution(document["predictions"]),
        metrics=document["metrics"],
    )


def _distribution(document: Mapping[str, Any]) -> Distribution:
    return Distribution(
        bins=tuple(
            FeatureBins(
                name=bins["name"],
                column=bins["column"],
                kind=bins["kind"],
                edges=tuple(bins["edges"]),
                values=tuple(bins["values"]),
            )
            for bins in document["bins"]
        ),
        rows=dict(document["rows"]),
        counts={
            segment: tuple(tuple(counts) for counts in features)
            for segment, features in document["counts"].items()
        },
    )
