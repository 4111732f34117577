"""What the model assets show in Dagster: tables and plots where people look."""

import base64
from typing import Any

import dagster as dg

from ml_assets.evaluation import Evaluation
from ml_assets.gate import Verdict


def image(title: str, png: bytes) -> dg.MetadataValue[Any]:
    """The plot as markdown that Dagster's UI shows in place."""
    return dg.MetadataValue.md(
        f"![{title}](data:image/png;base64,{base64.b64encode(png).decode()})"
    )


def evaluation_metadata(evaluation: Evaluation) -> dict[str, Any]:
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
        metadata["effect_of_balancing"] = dg.MetadataValue.md(_balancing_table(evaluation))
    return metadata


def verdict_metadata(verdict: Verdict) -> dict[str, Any]:
    """The gate's verdict, criterion by criterion."""
    lines = ["| criterion | passed | value | needed | explanation |", "|---|---|---|---|---|"]
    lines += [
        f"| {c.name} | {'yes' if c.passed else '**no**'} | {c.value:.4f} | {c.threshold:.4f}"
        f" | {c.explanation} |"
        for c in verdict.criteria
    ]
    return {
        "promoted": verdict.promoted,
        "reason": verdict.reason,
        "criteria": dg.MetadataValue.md("\n".join(lines)),
    }


def _balancing_table(evaluation: Evaluation) -> str:
    balanced, plain = evaluation.subjects["challenger"].metrics, evaluation.without_balancing
    assert plain is not None  # noqa: S101 - the caller has asked
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
