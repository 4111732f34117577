"""A model proposed for some columns: which is the label, what is predicted from what, and how."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dagster_project.scaffold.looking import LookedColumn
from ml_assets.metrics import TaskName

_LABEL_NAMES = (
    *("label", "target", "class", "class_value", "outcome_value", "churned", "churn"),
    *("rating", "stars", "score"),
)
_KEY_NAME = re.compile(r"(^|_)(id|key|uuid|number|no)$")
_TIME_NAMES = ("event_time", "timestamp", "created", "date", "time", "_at", "_on")
# A category of more values says little that training rows repeat.
_MOST_CATEGORIES = 1_000
_MOST_STARS = 11
# Where nothing tells the time of a row, it is when the row was loaded.
LOADED_AT = "loaded_at"

METRICS: dict[str, str] = {
    "classification": "macro_f1",
    "ordinal": "quadratic_weighted_kappa",
    "regression": "mean_absolute_error",
    "forecast": "mean_absolute_error",
}


@dataclass(frozen=True)
class Proposal:
    """All that the files of a new model are written from.

    Attributes:
        name: The model.
        table: The dbt model that it reads.
        columns: The columns of the table.
        key: Column that tells entities apart; None: rows have no key of their own.
        event_time: Column with the time of a row, or `loaded_at`.
        label: The label's column.
        task: What kind of value it is.
        classes: The label's values, of classes.
        text, categorical, numeric: The features.
        left_out: Columns that are no features, with the reason.
        algorithm: Name of the algorithm.
        metric: What gate and monitor judge by.
        window: Of the monitors.
        label_delay_days: Days until the label is known.
        anchor, horizon: Of a forecast.
    """

    name: str
    table: str
    columns: tuple[LookedColumn, ...]
    key: str | None
    event_time: str
    label: str
    task: TaskName
    classes: tuple[int | str, ...]
    text: tuple[str, ...]
    categorical: tuple[str, ...]
    numeric: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]
    algorithm: str
    metric: str
    window: str
    label_delay_days: int = 0
    anchor: str | None = None
    horizon: int | None = None

    def column(self, name: str) -> LookedColumn:
        """The column of that name."""
        return next(column for column in self.columns if column.name == name)


def likely_key(columns: Sequence[LookedColumn]) -> str | None:
    """The column that most likely identifies a row; None if none tells rows apart.

    A few rows may be there twice: they will be duplicates.
    """
    named = [
        one
        for one in columns
        if one.kind in ("code", "whole")
        and _KEY_NAME.search(one.name)
        and min(one.distinct, one.present) >= 0.98 * one.rows > 1
    ]
    return named[0].name if named else None


def likely_event_time(columns: Sequence[LookedColumn]) -> str:
    """The column that most likely tells when a row happened, or `loaded_at`."""
    times = [one for one in columns if one.kind == "time" and one.present >= 0.9 * one.rows]
    ranked = sorted(
        times,
        key=lambda one: next(
            (place for place, part in enumerate(_TIME_NAMES) if part in one.name), len(_TIME_NAMES)
        ),
    )
    return ranked[0].name if ranked else LOADED_AT


def likely_label(columns: Sequence[LookedColumn], others: Sequence[str | None]) -> str | None:
    """The column that by its name is the label; None if none is."""
    names = [one.name for one in columns if one.name not in others and not one.is_constant]
    for wanted in _LABEL_NAMES:
        for name in names:
            if name == wanted or name.endswith(f"_{wanted}") or name.startswith(f"is_{wanted}"):
                return name
    return None


def likely_task(label: LookedColumn) -> TaskName:
    """What kind of value the label is."""
    if label.kind in ("code", "boolean", "text"):
        return "classification"
    if label.kind == "whole" and label.distinct <= _MOST_STARS:
        numbers = sorted(whole(value) for value in label.values)
        in_a_row = len(numbers) > 2 and numbers == list(range(numbers[0], numbers[-1] + 1))
        return "ordinal" if in_a_row else "classification"
    return "regression"


def classes_of(label: LookedColumn, task: str) -> tuple[int | str, ...]:
    """The classes of a label that has them, lowest first."""
    if task not in ("classification", "ordinal"):
        return ()
    if label.kind == "whole":
        return tuple(sorted({whole(value) for value in label.values}))
    return label.values


def whole(text: str) -> int:
    """The whole number that a text is, also if it is written 5.0."""
    return int(float(text))


def likely_features(
    columns: Sequence[LookedColumn], reserved: Sequence[str | None]
) -> tuple[dict[str, tuple[str, ...]], tuple[tuple[str, str], ...]]:
    """The features by kind, and what is left out with the reason."""
    found: dict[str, list[str]] = {"text": [], "categorical": [], "numeric": []}
    left_out = []
    for column in columns:
        if column.name in reserved:
            continue
        if column.is_constant:
            left_out.append((column.name, "the same in all rows"))
        elif column.kind == "time":
            left_out.append((column.name, "a time: derive numbers from it in the mart"))
        elif column.kind == "text":
            found["text"].append(column.name)
        elif column.kind in ("whole", "number"):
            if column.is_unique and _KEY_NAME.search(column.name):
                left_out.append((column.name, "a number of the row's own"))
            else:
                found["numeric"].append(column.name)
        elif column.distinct > min(_MOST_CATEGORIES, max(column.present // 2, 2)):
            left_out.append((column.name, f"{column.distinct:,} different values"))
        else:
            found["categorical"].append(column.name)
    return {kind: tuple(names) for kind, names in found.items()}, tuple(left_out)


def likely_window(event_time: LookedColumn | None) -> str:
    """The monitors' window that cuts the file's time into ten parts or so."""
    if event_time is None or not event_time.low or not event_time.high:
        return "month"
    try:
        low, high = (datetime.fromisoformat(text) for text in (event_time.low, event_time.high))
    except ValueError:
        return "month"
    days = (high - low).total_seconds() / 86_400
    return "day" if days < 30 else "week" if days < 150 else "month"


def likely_algorithm(features: dict[str, tuple[str, ...]], task: str) -> str:
    """The algorithm to begin with: linear over words, or boosted trees."""
    only_text = bool(features["text"]) and not features["numeric"]
    return "linear_text" if only_text and task != "forecast" else "lightgbm"
