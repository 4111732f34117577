"""From columns and answers to a proposed model; asks for what neither flags nor data tell."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import get_args

from dagster_project.scaffold.looking import LookedColumn
from dagster_project.scaffold.proposal import (
    LOADED_AT,
    METRICS,
    Proposal,
    classes_of,
    likely_algorithm,
    likely_event_time,
    likely_features,
    likely_key,
    likely_label,
    likely_task,
    likely_window,
)
from lakehouse.declaration.errors import nearest_of
from lakehouse.errors import TidemarkError
from ml_assets.metrics import TaskName, metrics_of

NO_KEY = "none"
_MOST_CLASSES = 100
# Question, what is proposed (None: nothing), what is possible (none: anything); the answer.
Ask = Callable[[str, str | None, Sequence[str]], str]


@dataclass(frozen=True)
class Answers:
    """What the flags say; None where they say nothing."""

    key: str | None = None
    event_time: str | None = None
    label: str | None = None
    task: str | None = None
    algorithm: str | None = None
    metric: str | None = None
    label_delay_days: int = 0
    anchor: str | None = None
    horizon: int | None = None


def propose(
    name: str, table: str, columns: Sequence[LookedColumn], answers: Answers, ask: Ask
) -> Proposal:
    """The model for the columns.

    Args:
        name: The model.
        table: Its dbt model.
        columns: The table's columns.
        answers: What the flags say.
        ask: Answers a question: a person at the terminal, or the proposal itself.

    Raises:
        TidemarkError: An answer names no column, or does not go with the label.
    """
    names = [column.name for column in columns]
    by_name = {column.name: column for column in columns}
    guess = likely_key(columns)
    key = _column(answers.key or ask("Key: the column that tells rows apart", guess or NO_KEY,
                                     [*names, NO_KEY]), [*names, NO_KEY], "--key")  # fmt: skip
    times = [column.name for column in columns if column.kind == "time"]
    event_time = answers.event_time or ask(
        "Event time: when what the row tells happened", likely_event_time(columns),
        [*times, LOADED_AT],
    )  # fmt: skip
    _column(event_time, [*times, LOADED_AT], "--event-time")
    others = [name for name in names if name not in (key, event_time)]
    label = answers.label or ask(
        "Label: what is predicted", likely_label(columns, (key, event_time)), others
    )
    looked = by_name[_column(label, others, "--label")]
    task: TaskName = _task(answers.task or ask("Task", likely_task(looked), get_args(TaskName)))
    _check_label(looked, task)
    if task == "forecast" and (answers.anchor is None or answers.horizon is None):
        raise TidemarkError(
            "A forecast needs the column that it starts from, and how far it goes.",
            hint="Add --anchor COLUMN (the last known value) and --horizon ROWS.",
        )
    features, left_out = likely_features(columns, (key, event_time, label))
    if not any(features.values()):
        raise TidemarkError(
            f"No column is left to predict '{label}' from: {', '.join(names)}.",
            hint="Give a file with more columns, or compute features in a mart of your own.",
        )
    algorithm = answers.algorithm or ask("Algorithm", likely_algorithm(features, task), ())
    metrics = [name for name, metric in metrics_of(task).items() if metric.direction != "none"]
    metric = answers.metric or ask("Metric of the gate", METRICS[task], metrics)
    return Proposal(
        name=name,
        table=table,
        columns=tuple(columns),
        key=None if key == NO_KEY else key,
        event_time=event_time,
        label=label,
        task=task,
        classes=classes_of(looked, task),
        **features,
        left_out=left_out,
        algorithm=algorithm,
        metric=metric,
        window=likely_window(by_name.get(event_time)),
        label_delay_days=answers.label_delay_days,
        anchor=answers.anchor,
        horizon=answers.horizon,
    )


def _column(name: str, possible: Sequence[str], flag: str) -> str:
    if name in possible:
        return name
    near = nearest_of(name, possible)
    raise TidemarkError(
        f"{flag} {name}: that is none of {', '.join(possible)}.",
        hint=f"Did you mean {near}?" if near else "Choose one of these.",
    )


def _task(name: str) -> TaskName:
    tasks: tuple[TaskName, ...] = get_args(TaskName)
    for task in tasks:
        if task == name:
            return task
    raise TidemarkError(
        f"--task {name}: there is no such task.", hint=f"There are {', '.join(tasks)}."
    )


def _check_label(label: LookedColumn, task: str) -> None:
    if task in ("regression", "forecast") and label.kind not in ("whole", "number"):
        raise TidemarkError(
            f"The task {task} predicts numbers, and '{label.name}' holds texts.",
            hint="Use --task classification, or another --label.",
        )
    if task in ("classification", "ordinal"):
        if not 2 <= len(label.values) <= _MOST_CLASSES:
            raise TidemarkError(
                f"The task {task} needs 2 to {_MOST_CLASSES} classes, and '{label.name}' has"
                f" {label.distinct:,} different values.",
                hint="Use --task regression, or another --label.",
            )
        if label.kind == "number" or (task == "ordinal" and label.kind != "whole"):
            raise TidemarkError(
                f"The classes of '{label.name}' are of the kind '{label.kind}', with which"
                f" {task} cannot work.",
                hint="Ordinal classes are whole numbers here; fractions want --task regression.",
            )
