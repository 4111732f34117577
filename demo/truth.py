"""What was planted: the numbers that a correct pipeline must find."""

import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class PlantedFile:
    """The lines of one file; `lines` = rejected + quarantined + exact_duplicates + clean.

    `exact_duplicates` counts the later copies, which deduplication drops.
    """

    lines: int
    rejected: int
    quarantined: int
    exact_duplicates: int
    clean: int


@dataclass(frozen=True)
class PlantedDrift:
    """What differs from `first_month` on; shares are those the reviews were drawn with.

    `parent_asins` are the products of the new line; none of them occurs in an earlier month.
    `phrases` is the mean number of sentences of a text.
    """

    first_month: str
    product_line: str
    product_line_share: float
    parent_asins: tuple[str, ...]
    languages_before: dict[str, float]
    languages_after: dict[str, float]
    phrases_before: float
    phrases_after: float


@dataclass(frozen=True)
class PlantedTruth:
    """Exact counts of what `generate_reviews` wrote, and the best accuracy that can be reached.

    Attributes:
        lines: All lines; lines = rejected + quarantined + exact_duplicates + clean.
        rejected: Lines that are no JSON object.
        quarantined: Lines that break a rule; the sum of `quarantined_by_rule`.
        quarantined_by_rule: Lines by name of the one rule that they break.
        exact_duplicates: Lines that repeat an earlier, clean line.
        near_duplicates: Clean lines whose text is that of an earlier line, slightly changed.
        html_entities: Clean lines whose text must be decoded.
        mojibake: Clean lines whose text must be repaired.
        clean: Lines that remain as reviews.
        defects: Lines by kind of defect.
        languages: Clean lines by language code.
        files: Counts by file name, oldest first.
        best_accuracy: Expected accuracy of the best possible model of the rating, 0 to 1.
        best_accuracy_by_month: The same by month ("YYYY-MM").
        drift: What drifted, None where there are too few months.
    """

    lines: int
    rejected: int
    quarantined: int
    quarantined_by_rule: dict[str, int]
    exact_duplicates: int
    near_duplicates: int
    html_entities: int
    mojibake: int
    clean: int
    defects: dict[str, int]
    languages: dict[str, int]
    files: dict[str, PlantedFile]
    best_accuracy: float
    best_accuracy_by_month: dict[str, float]
    drift: PlantedDrift | None

    @property
    def drift_from(self) -> str | None:
        """The first drifted month ("YYYY-MM"), None where nothing drifts."""
        return self.drift.first_month if self.drift else None

    def to_json(self) -> str:
        """The truth as a JSON object that `from_json` reads back."""
        return json.dumps(asdict(self) | {"drift_from": self.drift_from}, indent=2)

    @classmethod
    def from_json(cls, text: str) -> "PlantedTruth":
        """The truth that `to_json` wrote.

        Raises:
            KeyError: There are no files or no drift in it.
            TypeError: Another value is missing or unknown.
        """
        values: dict[str, Any] = json.loads(text)
        values.pop("drift_from", None)
        values["files"] = {name: PlantedFile(**counts) for name, counts in values["files"].items()}
        if drift := values["drift"]:
            values["drift"] = PlantedDrift(**drift | {"parent_asins": tuple(drift["parent_asins"])})
        return cls(**values)
