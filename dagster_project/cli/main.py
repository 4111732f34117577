"""The `tidemark` command: joins the commands and turns errors into messages and exit codes."""

import sys
from typing import NoReturn

import typer
from rich.console import Console

from dagster_project.cli import (
    backtest_policy,
    backup,
    check,
    data,
    demo,
    doctor,
    lifecycle,
    maintain,
    new,
    plan,
    pull,
    restore,
    run,
    sql,
    status,
    webhook,
)
from lakehouse.errors import TidemarkError
from lakehouse.failures import explanation_of

app = typer.Typer(
    name="tidemark",
    help="A lakehouse for batch machine learning: files in, scored tables out, every row"
    " accounted for.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.add_typer(new.app, name="new")
app.command()(data.land)
app.command()(pull.pull)
app.command()(run.run)
app.command()(plan.plan)
app.command()(sql.sql)
app.command()(status.status)
app.command()(check.check)
app.command()(backtest_policy.backtest_policy)
app.command()(maintain.maintain)
app.command()(backup.backup)
app.command()(restore.restore)
app.command()(doctor.doctor)
app.command()(webhook.webhook)
app.command()(lifecycle.up)
app.command()(lifecycle.down)
app.command()(demo.demo)
app.command(name="generate")(demo.generate)


def main() -> None:
    """Runs the command line; a known failure is one message and exit code 1."""
    try:
        app()
    except TidemarkError as error:
        _fail(error)
    except KeyboardInterrupt:
        _stop()
    except Exception as error:
        # DuckDB wraps a Ctrl-C in an error of its own.
        if isinstance(error.__cause__, KeyboardInterrupt):
            _stop()
        known = explanation_of(error)
        if known is None:
            raise
        _fail(known)


def _stop() -> NoReturn:
    Console(stderr=True).print("\nStopped. What was committed is complete; run again to go on.")
    sys.exit(130)


def _fail(error: TidemarkError) -> None:
    console = Console(stderr=True, soft_wrap=True)
    console.print(f"[red]Error:[/] {_escaped(error.message)}", highlight=False)
    console.print(f"[yellow]Hint:[/] {_escaped(error.hint)}", highlight=False)
    sys.exit(1)


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
