"""Rules between the fields of a model spec: pure, all broken ones at once."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from lakehouse.declaration.contradiction import Contradiction
from lakehouse.declaration.errors import FieldPath, nearest_of
from ml_assets.metrics import metrics_of
from ml_assets.spec.algorithm_rules import algorithm_fits_task, search_is_possible

if TYPE_CHECKING:
    from ml_assets.spec.document import ModelSpec


def contradictions(spec: "ModelSpec") -> tuple[Contradiction, ...]:
    """Everything in the spec that contradicts something else in it."""
    return tuple(found for rule in _RULES for found in rule(spec))


def _classes(spec: "ModelSpec") -> Iterator[Contradiction]:
    classes, path = spec.label.classes, ("label", "classes")
    if spec.task not in ("classification", "ordinal"):
        if classes:
            yield Contradiction(path, f"The task is {spec.task}: it has no classes.", classes)
        return
    if len(classes) < 2:
        yield Contradiction(
            path, f"The task is {spec.task}: it needs classes.", classes, "2 to 100 values"
        )
    if len({type(value) for value in classes}) > 1:
        yield Contradiction(path, "Texts and whole numbers are mixed.", classes)
        return
    yield from _repeated(path, tuple(map(str, classes)))
    numbers = [value for value in classes if isinstance(value, int)]
    falls = any(low > high for low, high in pairwise(numbers))
    if spec.task == "ordinal" and falls:
        yield Contradiction(path, "Ordinal classes go from low to high; these do not.", classes)


def _features(spec: "ModelSpec") -> Iterator[Contradiction]:
    reserved = {
        spec.label.column: "the label: the model would see what it is to predict",
        spec.entity_key: "the entity key, which tells nothing about new rows",
        spec.event_time: "the event time, which never comes back",
    }
    if not spec.features.columns:
        yield Contradiction(("features",), "No feature is named.", allowed="at least one column")
    seen: dict[str, str] = {}
    for kind in ("text", "categorical", "numeric"):
        for index, column in enumerate(getattr(spec.features, kind)):
            path = ("features", kind, index)
            if column in reserved:
                yield Contradiction(path, f"'{column}' is {reserved[column]}.", column)
            if column in seen:
                message = f"'{column}' is named twice (first under {seen[column]})."
                yield Contradiction(path, message, column)
            seen.setdefault(column, kind)


def _roles(spec: "ModelSpec") -> Iterator[Contradiction]:
    columns = {"entity_key": spec.entity_key, "event_time": spec.event_time}
    for field, column in columns.items():
        if column == spec.label.column:
            yield Contradiction((field,), f"'{column}' is also the label.", column)
    if spec.entity_key == spec.event_time:
        yield Contradiction(("event_time",), f"'{spec.event_time}' is also the entity key.")
    own = {*columns.values(), spec.label.column, *spec.features.text}
    for index, column in enumerate(spec.segments):
        if column in own:
            message = f"'{column}' cannot be a segment: it is a key, a time, a text or the label."
            yield Contradiction(("segments", index), message, column)
    yield from _repeated(("segments",), spec.segments)


def _split(spec: "ModelSpec") -> Iterator[Contradiction]:
    if spec.split.by == "chance" and spec.task == "forecast":
        message = "A forecast is judged on what came later: its hold-out cannot be by chance."
        yield Contradiction(("split", "by"), message, spec.split.by, "time")
    if spec.split.folds == 1:
        yield Contradiction(
            ("split", "folds"), "One fold leaves nothing to train on.", 1, "0, or 2 to 20"
        )
    near = spec.split.near_duplicates
    if near is not None:
        yield from _repeated(("split", "near_duplicates", "columns"), near.columns)


def _balancing(spec: "ModelSpec") -> Iterator[Contradiction]:
    balancing = spec.balancing
    if balancing.method != "none" and spec.task not in ("classification", "ordinal"):
        message = f"The task is {spec.task}: there are no classes to balance."
        yield Contradiction(("balancing", "method"), message, balancing.method, "none")
    if balancing.method == "none" and balancing.ratio != 1.0:
        message = "The ratio does nothing with method none."
        yield Contradiction(("balancing", "ratio"), message, balancing.ratio)


def _monitors(spec: "ModelSpec") -> Iterator[Contradiction]:
    monitors = spec.monitors
    if monitors.features != "all":
        for index, column in enumerate(monitors.features):
            if column not in spec.features.columns:
                yield Contradiction(
                    ("monitors", "features", index),
                    f"'{column}' is not a feature of this model.",
                    column,
                    ", ".join(spec.features.columns),
                    nearest_of(column, spec.features.columns),
                )
        yield from _repeated(("monitors", "features"), monitors.features)


def _metrics(spec: "ModelSpec") -> Iterator[Contradiction]:
    named: list[tuple[FieldPath, str]] = [
        (("gate", "minimum", name), name) for name in spec.gate.minimum
    ]
    named += [(("gate", "maximum", name), name) for name in spec.gate.maximum]
    judging: list[tuple[FieldPath, str]] = [(("gate", "metric"), spec.gate.metric)]
    if spec.monitors.performance is not None:
        judging.append((("monitors", "performance", "metric"), spec.monitors.performance.metric))
    defined = metrics_of(spec.task)
    allowed = ", ".join(name for name, metric in defined.items() if metric.direction != "none")
    for path, name in named:
        if name not in defined:
            message = f"'{name}' is not defined for the task {spec.task}."
            yield Contradiction(path, message, name, ", ".join(defined))
    for path, name in judging:
        if name not in defined:
            message = f"'{name}' is not defined for the task {spec.task}."
            yield Contradiction(path, message, name, allowed)
        elif defined[name].direction == "none":
            message = f"'{name}' describes and does not judge: more of it is neither good nor bad."
            yield Contradiction(path, message, name, allowed)


def _forecast(spec: "ModelSpec") -> Iterator[Contradiction]:
    if (spec.task == "forecast") != (spec.forecast is not None):
        if spec.forecast is None:
            message = "The task is forecast: say from which column on, and how far."
            yield Contradiction(("task",), message, spec.task, "a section `forecast`")
        else:
            message = f"The task is {spec.task}: it has no section `forecast`."
            yield Contradiction(("forecast",), message, allowed="task: forecast")
    elif spec.forecast is not None and spec.forecast.anchor == spec.label.column:
        message = f"'{spec.forecast.anchor}' is also the label: nothing would ever change."
        yield Contradiction(("forecast", "anchor"), message, spec.forecast.anchor)


def _intervals(spec: "ModelSpec") -> Iterator[Contradiction]:
    scale, path = spec.intervals.scale, ("intervals", "scale")
    if scale is None:
        return
    if spec.task in ("classification", "ordinal"):
        message = f"The task is {spec.task}: there are no intervals to widen."
        yield Contradiction(path, message, scale, "null")
    elif spec.algorithm.name == "quantile":
        message = "'quantile' learns itself how wide the intervals of a row are."
        yield Contradiction(path, message, scale, "null")
    elif scale == spec.label.column:
        message = f"'{scale}' is also the label, which new rows do not have."
        yield Contradiction(path, message, scale)


def _retraining(spec: "ModelSpec") -> Iterator[Contradiction]:
    retraining = spec.retraining
    yield from _repeated(("retraining", "on"), retraining.on)
    for cause, field in (("age", "max_age_days"), ("new_labels", "new_labels_share")):
        given = getattr(retraining, field) is not None
        if cause in retraining.on and not given:
            yield Contradiction(("retraining", "on"), f"'{cause}' needs {field}.", cause)
        if given and cause not in retraining.on:
            message = f"{field} does nothing: '{cause}' is not in retraining.on."
            yield Contradiction(("retraining", field), message)
    if "performance" in retraining.on and spec.monitors.performance is None:
        message = "'performance' is a cause, but monitors.performance is turned off."
        yield Contradiction(("retraining", "on"), message, "performance")


def _freshness(spec: "ModelSpec") -> Iterator[Contradiction]:
    freshness = spec.freshness
    if freshness is not None and freshness.warn_hours >= freshness.fail_hours:
        yield Contradiction(
            ("freshness", "warn_hours"),
            f"The warning after {freshness.warn_hours:g} h must come before the failure after"
            f" {freshness.fail_hours:g} h.",
            freshness.warn_hours,
        )


def _repeated(path: FieldPath, values: tuple[str, ...]) -> Iterator[Contradiction]:
    for index, value in enumerate(values):
        if value in values[:index]:
            yield Contradiction((*path, index), f"'{value}' is named twice.", value)


_RULES: tuple[Callable[["ModelSpec"], Iterator[Contradiction]], ...] = (
    _classes,
    _features,
    _roles,
    algorithm_fits_task,
    search_is_possible,
    _split,
    _balancing,
    _monitors,
    _metrics,
    _forecast,
    _intervals,
    _retraining,
    _freshness,
)
