"""What the model assets show in Dagster: tables and plots where people look."""

import base64
from typing import Any

import dagster as dg
import numpy as np
from numpy.typing import NDArray

from ml_assets.calibration import reliability_table
from ml_assets.evaluation import Evaluation
from ml_assets.evaluation_plots import (
    confusion_plot,
    errors_plot,
    gain_plot,
    predictions_plot,
    reliability_plot,
)
from ml_assets.folds import CrossValidation
from ml_assets.gate import Verdict
from ml_assets.labels import target_of
from ml_assets.metrics import Metrics, classification_metrics, metric_direction
from ml_assets.search import SearchResult
from ml_assets.search_plot import search_plot
from ml_assets.spec.document import ModelSpec

# Of a long search, the best are looked at; MLflow has them all.
_SHOWN_TRIALS = 50


def image(title: str, png: bytes) -> dg.MetadataValue[Any]:
    """The plot as markdown that Dagster's UI shows in place."""
    return dg.MetadataValue.md(
        f"![{title}](data:image/png;base64,{base64.b64encode(png).decode()})"
    )


def evaluation_metadata(spec: ModelSpec, evaluation: Evaluation) -> dict[str, Any]:
    """Metrics of all compared side by side, with intervals, and the gate's rows."""
    names = list(evaluation.subjects)
    lines = ["| metric | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for metric in evaluation.subjects["challenger"].intervals:
        cells = []
        for name in names:
            interval = evaluation.subjects[name].intervals[metric]
            cells.append(f"{interval.estimate:.4f} [{interval.low:.4f}, {interval.high:.4f}]")
        lines.append(f"| {metric} | " + " | ".join(cells) + " |")
    metadata: dict[str, Any] = {
        "metrics": dg.MetadataValue.md("\n".join(lines)),
        "holdout_rows": evaluation.rows,
        "rows_that_neither_has_seen": int(evaluation.comparable.sum()),
    }
    for metric, interval in evaluation.subjects["challenger"].intervals.items():
        metadata[metric] = float(interval.estimate)
    if evaluation.without_balancing is not None:
        metadata["effect_of_balancing"] = dg.MetadataValue.md(_balancing_table(spec, evaluation))
    return metadata


def intervals_metadata(spec: ModelSpec, evaluation: Evaluation) -> dict[str, Any]:
    """Of quantities: the share of labels that intervals hold, beside what they are to hold."""
    if spec.label.classes:
        return {}
    lines = ["| | asked | held on the hold-out | mean width |", "|---|---|---|---|"]
    for name, subject in evaluation.subjects.items():
        held, width = (subject.intervals[f"interval_{kind}"] for kind in ("coverage", "width"))
        lines.append(
            f"| {name} | {spec.intervals.coverage:.0%} | {held.estimate:.1%}"
            f" [{held.low:.1%}, {held.high:.1%}] | {width.estimate:.4f} |"
        )
    return {"intervals": dg.MetadataValue.md("\n".join(lines))}


def folds_metadata(found: CrossValidation) -> dict[str, Any]:
    """What each fold showed, the baseline's value behind it."""
    names = list(found.folds[0].metrics)
    lines = [
        "| fold | trained on | tested on | " + " | ".join(names) + " |",
        "|---" * (len(names) + 3) + "|",
    ]
    for number, fold in enumerate(found.folds, 1):
        period = ""
        if fold.times is not None:
            period = f", {fold.times[0]:%Y-%m-%d} to {fold.times[1]:%Y-%m-%d}"
        cells = [f"{fold.metrics[name]:.4f} ({fold.baseline[name]:.4f})" for name in names]
        lines.append(
            f"| {number} | {fold.train_rows:,} rows | {fold.test_rows:,} rows{period} | "
            + " | ".join(cells)
            + " |"
        )
    return {
        f"cross_validation_{found.metric}": (
            f"{found.mean:.4f} ± {found.standard_deviation:.4f} over {len(found.folds)} folds"
        ),
        "folds": dg.MetadataValue.md("\n".join([*lines, "", "In brackets: the baseline's."])),
    }


def verdict_metadata(verdict: Verdict) -> dict[str, Any]:
    """The gate's verdict, criterion by criterion."""
    lines = ["| criterion | passed | value | needed | explanation |", "|---|---|---|---|---|"]
    lines += [
        f"| {c.name} | {'yes' if c.passed else '**no**'} | {c.value:.4f} | {c.threshold:.4f}"
        f" | {c.explanation} |"
        for c in verdict.criteria
    ]
    test = {} if verdict.test is None else {f"{verdict.test.name} p": verdict.test.p_value}
    return {
        "promoted": verdict.promoted,
        "reason": verdict.reason,
        "criteria": dg.MetadataValue.md("\n".join(lines)),
        **test,
    }


def search_metadata(search: SearchResult) -> dict[str, Any]:
    """The trials of a search, the best first, those without a result last, and their plot."""
    direction = -1.0 if metric_direction(search.metric) == "higher" else 1.0
    complete = [trial for trial in search.trials if trial.state == "complete"]
    ranked = sorted(complete, key=lambda trial: (direction * trial.mean, trial.number))
    ranked += [trial for trial in search.trials if trial.state != "complete"]
    names = list(dict.fromkeys(name for trial in search.trials for name in trial.parameters))
    lines = [
        f"| trial | {search.metric} | " + " | ".join(names) + " | seconds | |",
        "|---" * (len(names) + 4) + "|",
    ]
    for trial in ranked[:_SHOWN_TRIALS]:
        value = f"{trial.mean:.4f}" if trial.state == "complete" else trial.state
        cells = [_shown(trial.parameters.get(name, "")) for name in names]
        error = trial.error.replace("|", "\\|").replace("\n", " ")
        lines.append(
            f"| {trial.number} | {value} | {' | '.join(cells)} | {trial.seconds:.1f} | {error} |"
        )
    return {
        "search_trials": len(search.trials),
        "search_failed_trials": sum(trial.state == "failed" for trial in search.trials),
        "search": dg.MetadataValue.md("\n".join(lines)),
        "plot_search": image("search", search_plot(search)),
    }


def evaluation_plots(spec: ModelSpec, evaluation: Evaluation) -> dict[str, bytes]:
    """The challenger's plots by name: confusion and reliability, or predictions and errors."""
    label, output = evaluation.label, evaluation.subjects["challenger"].output
    if spec.label.classes:
        metrics = _class_metrics(spec, label, output)
        return {
            "confusion": confusion_plot(metrics.confusion, spec.label.classes),
            "reliability": reliability_plot(reliability_table(label, output)),
        }
    baseline = evaluation.subjects["baseline"].output
    anchor = 0.0 if evaluation.anchor is None else evaluation.anchor
    return {
        # Of a forecast as levels, as people think of it.
        "predictions": predictions_plot(
            evaluation.event_time,
            label + anchor,
            output + np.reshape(anchor, (-1, 1)),
            coverage=spec.intervals.coverage,
        ),
        "gain_over_baseline": gain_plot(
            evaluation.event_time,
            np.abs(baseline[:, 0] - label) - np.abs(output[:, 0] - label),
            baseline=target_of(spec).baseline,
        ),
        "errors": errors_plot(
            {name: subject.output - label[:, None] for name, subject in evaluation.subjects.items()}
        ),
    }


def _class_metrics(spec: ModelSpec, label: NDArray[Any], output: NDArray[np.float64]) -> Metrics:
    ordinal = spec.task == "ordinal"
    return classification_metrics(label, output, classes=spec.label.classes, ordinal=ordinal)


def _balancing_table(spec: ModelSpec, evaluation: Evaluation) -> str:
    outputs = (evaluation.subjects["challenger"].output, evaluation.without_balancing)
    balanced, plain = (
        _class_metrics(spec, evaluation.label, output) for output in outputs if output is not None
    )
    lines = ["| | with balancing | without |", "|---|---|---|"]
    lines += [
        f"| {name} | {value:.4f} | {plain.values()[name]:.4f} |"
        for name, value in balanced.values().items()
    ]
    lines += [
        f"| recall of {ours.name} | {ours.recall:.4f} | {theirs.recall:.4f} |"
        for ours, theirs in zip(balanced.per_class, plain.per_class, strict=True)
    ]
    return "\n".join(lines)


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
