"""The text of a new model spec, with comments that say what may be changed."""

import json
from collections.abc import Sequence

import yaml

from dagster_project.scaffold.proposal import LOADED_AT, Proposal


def spec_text(proposal: Proposal, *, description: str) -> str:
    """The YAML of the spec."""
    max_drop = _max_drop(proposal.column(proposal.label).spread, proposal)
    lines = [
        "# yaml-language-server: $schema=../../docs/schema/model-spec.json",
        "# Every field: docs/model-spec.md. `tidemark check` says what does not fit.",
        f"name: {proposal.name}",
        f"description: {scalar(description)}",
        f"task: {proposal.task}",
        f"table: {proposal.table}",
        f"entity_key: {scalar(proposal.key or 'staged_id')}",
        f"event_time: {scalar(proposal.event_time)}" + _loaded_at(proposal),
        "",
        "label:",
        f"  column: {scalar(proposal.label)}",
        f"  delay_days: {proposal.label_delay_days} # days after the event until it is known",
    ]
    if proposal.classes:
        order = " # from low to high" if proposal.task == "ordinal" else ""
        lines.append(f"  classes: {flow(proposal.classes)}{order}")
    if proposal.anchor:
        anchor = scalar(proposal.anchor)
        lines += ["", f"forecast: {{anchor: {anchor}, horizon: {proposal.horizon}}}"]
    lines += ["", "features: # what is known when a row is scored, and nothing that comes later"]
    for kind in ("text", "categorical", "numeric"):
        if names := getattr(proposal, kind):
            lines.append(f"  {kind}: {flow(names)}")
    lines += [f"  # left out: {name} ({reason})" for name, reason in proposal.left_out]
    lines += ["", f"algorithm: {{name: {proposal.algorithm}}}"]
    if proposal.event_time == LOADED_AT:
        lines += ["split: {holdout: 0.2, by: chance} # without times, rows are drawn by chance"]
    else:
        lines += ["split: {holdout: 0.2} # the newest rows by event time"]
    if proposal.classes:
        lines += ["balancing: {method: none} # weights: rare classes get more say"]
    lines += [
        "",
        "gate: # what a new version must show to serve in place of the one before",
        f"  metric: {proposal.metric}",
        "  min_gain: 0.0",
        "monitors:",
        f"  window: {proposal.window}",
        f"  performance: {{metric: {proposal.metric}, max_drop: {max_drop}}}",
        "retraining:",
        "  on: [drift, performance] # also: age (max_age_days), new_labels (new_labels_share)",
        "  cool_down_days: 7",
    ]
    return "\n".join(lines) + "\n"


def scalar(value: str | int) -> str:
    """The value as YAML has it on a line, quoted where it must be.

    >>> scalar("rating"), scalar("a: b"), scalar("no")
    ('rating', "'a: b'", "'no'")
    """
    return yaml.safe_dump(value, width=10_000, allow_unicode=True).removesuffix("...\n").strip()


def flow(values: Sequence[str | int]) -> str:
    """The values as a list on one line; texts that could be taken for something else are quoted.

    >>> flow(["a", "yes", 3, "b, c"])
    '[a, "yes", 3, "b, c"]'
    """
    return f"[{', '.join(_in_flow(value) for value in values)}]"


def _in_flow(value: str | int) -> str:
    if isinstance(value, int):
        return str(value)
    plain = value.replace("_", "a").isalnum() and value.isascii() and not value[0].isdigit()
    return value if plain and scalar(value) == value else json.dumps(value, ensure_ascii=False)


def _loaded_at(proposal: Proposal) -> str:
    return " # the file has no times" if proposal.event_time == LOADED_AT else ""


def _max_drop(spread: float | None, proposal: Proposal) -> str:
    """How much worse than on the hold-out counts: of errors a tenth of the label's own spread."""
    if proposal.classes or not spread:
        return "0.05"
    return f"{spread / 10:.2g}" if spread / 10 < 1000 else f"{spread / 10:.0f}"
