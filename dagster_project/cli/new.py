"""`tidemark new model`: a spec and the dbt models beneath it, by asking or by flags."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from dagster_project.cli.output import JsonOption, console, print_json
from dagster_project.platform import load_platform
from dagster_project.scaffold.model import Answers
from dagster_project.scaffold.new_model import NewModel, new_model
from dagster_project.scaffold.writing import write_new
from lakehouse.errors import TidemarkError

app = typer.Typer(help="Begin something new: a model.", no_args_is_help=True)


@app.command()
def model(  # noqa: PLR0913, PLR0917 - each option of the command is a parameter
    name: Annotated[str, typer.Argument(help="Name of the model: lower case, digits, _.")],
    file: Annotated[
        Path | None,
        typer.Option(help="A CSV, JSON or Parquet file of a new source, to look at."),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            help="With --file: name of its source. Alone: a declared source that has landed files."
        ),
    ] = None,
    table: Annotated[
        str | None, typer.Option(help="A dbt model (a mart) that is there already.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="Column that is predicted.")] = None,
    key: Annotated[
        str | None, typer.Option(help="Column that tells rows apart; none: there is no such.")
    ] = None,
    event_time: Annotated[
        str | None, typer.Option(help="Column with the time of a row; loaded_at: there is none.")
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="classification, ordinal, regression or forecast.")
    ] = None,
    algorithm: Annotated[str | None, typer.Option(help="Name of the algorithm.")] = None,
    metric: Annotated[str | None, typer.Option(help="Metric of the gate.")] = None,
    label_delay_days: Annotated[
        int, typer.Option(min=0, help="Days after the event time until the label is known.")
    ] = 0,
    anchor: Annotated[
        str | None, typer.Option(help="Of a forecast: column with the last known value.")
    ] = None,
    horizon: Annotated[
        int | None, typer.Option(min=1, help="Of a forecast: rows from the anchor to the label.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the files instead of writing them.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Begin a model: looks at the data, proposes, and writes the spec and its dbt models.

    Give a file of a new source, a declared source, or a dbt model that is there. At a terminal,
    what no flag says is asked, with a proposal from the data; elsewhere the proposal is taken.
    Files that are there are never overwritten.
    """
    platform = load_platform()
    answers = Answers(
        key=key, event_time=event_time, label=label, task=task, algorithm=algorithm,
        metric=metric, label_delay_days=label_delay_days, anchor=anchor, horizon=horizon,
    )  # fmt: skip
    asks = sys.stdin.isatty() and not json
    made = new_model(
        platform, name, answers, _asked if asks else _proposed,
        file=file, source=source, table=table,
    )  # fmt: skip
    if not dry_run:
        write_new(made.files)
    if json:
        files = {str(path): text for path, text in made.files.items()}
        print_json({"model": name, "written": not dry_run, "files": files})
        return
    _print(made, dry_run=dry_run)


def _asked(question: str, proposed: str | None, possible: Sequence[str]) -> str:
    if possible:
        console.print(f"  {', '.join(possible)}", style="dim", markup=False, highlight=False)
    while True:
        answer = str(typer.prompt(question, default=proposed)).strip()
        if not possible or answer in possible:
            return answer
        console.print(f"'{answer}' is none of these.", markup=False, highlight=False)


def _proposed(question: str, proposed: str | None, possible: Sequence[str]) -> str:
    if proposed is None:
        raise TidemarkError(
            f"{question.partition(':')[0]}: nothing in the data tells which column it is.",
            hint=f"Say it by its flag; there are {', '.join(possible)}.",
        )
    return proposed


def _print(made: NewModel, *, dry_run: bool) -> None:
    for line in made.findings:
        console.print(line, markup=False, highlight=False)
    for path, text in made.files.items():
        if dry_run:
            console.rule(_shown(path), align="left")
            console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            console.print(f"written  {_shown(path)}", markup=False, highlight=False, soft_wrap=True)
    console.print("Next:", style="bold")
    for command in made.next_steps:
        console.print(f"  {command}", markup=False, highlight=False, soft_wrap=True)


def _shown(path: Path) -> str:
    """The path, short where it is below the folder that one is in."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
