"""`tidemark plan`: what the next run would do, and why."""

from dagster_project.cli.output import JsonOption, console, print_json, print_table
from dagster_project.plan import plan_run
from dagster_project.platform import load_platform
from dagster_project.state import read_state


def plan(json: JsonOption = False) -> None:
    """Show what the next run would do and why, changing nothing."""
    steps = plan_run(read_state(load_platform()))
    if json:
        print_json([vars(step) for step in steps])
    elif not steps:
        console.print("Everything is up to date.")
    else:
        rows = [(step.action, step.subject, step.reason) for step in steps]
        print_table("The next run", ["action", "on", "because"], rows)
