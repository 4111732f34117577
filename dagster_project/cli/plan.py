"""`tidemark plan`: what the next run would do, and why."""

from dataclasses import asdict

from dagster_project.cli.output import JsonOption, console, print_json, print_table, shown
from dagster_project.platform import load_platform
from dagster_project.preview import PlannedStep, Preview, preview

_SHOWN_FILES = 5


def plan(json: JsonOption = False) -> None:
    """Show what the next run would do and why, changing nothing.

    New files with their rows, the dbt models that are built, the models that are trained or score
    and on what evidence, the extractions that read rows, what has changed in specs and dbt code,
    and the seconds that past runs took for it. Rows and seconds are estimates.
    """
    platform = load_platform()
    found = preview(platform)
    if json:
        print_json(asdict(found))
        return
    if not found.steps:
        console.print("Everything is up to date.")
    else:
        _print(found)
    for note in found.notes:
        console.print(note, markup=False, highlight=False)
    for broken in platform.broken_specs:
        console.print(
            f"broken spec, left out: {broken.errors[0].render()}", markup=False, highlight=False
        )


def _print(found: Preview) -> None:
    rows = [
        (
            step.action,
            step.subject,
            step.reason,
            "" if step.rows is None else f"{step.rows:,}",
            "" if step.seconds is None else shown(round(step.seconds, 1)),
        )
        for step in found.steps
    ]
    columns = ["action", "on", "because", "rows, about", "seconds"]
    known = [i for i in range(len(columns)) if any(row[i] for row in rows)]
    print_table(
        "The next run",
        [columns[i] for i in known],
        [tuple(row[i] for i in known) for row in rows],
    )
    for line in (line for step in found.steps for line in _details(step)):
        console.print(line, markup=False, highlight=False)
    if found.seconds is None:
        console.print("No past run tells how long this takes.", highlight=False)
        return
    console.print(f"About {found.seconds:,.0f} s, as past runs took.", highlight=False)
    if found.never_ran:
        console.print(f"Without what never ran: {', '.join(found.never_ran)}.", highlight=False)


def _details(step: PlannedStep) -> list[str]:
    """The files and dbt models of a step: lists that a column of the table is too narrow for."""
    lines = []
    if step.files:
        names = ", ".join(step.files[:_SHOWN_FILES])
        more = len(step.files) - _SHOWN_FILES
        rest = f" and {more:,} more" if more > 0 else ""
        lines.append(f"Files for {step.subject} ({step.bytes / 1e6:,.1f} MB): {names}{rest}")
    if step.dbt_models:
        lines.append(f"dbt models: {', '.join(step.dbt_models)}")
    if step.in_full:
        lines.append(f"From all rows, as their code has changed: {', '.join(step.in_full)}")
    return lines
