"""`tidemark doctor`: what is wrong, and what to do about it."""

from dataclasses import replace
from typing import Annotated

import typer
from rich.markup import escape

from dagster_project.cli.output import JsonOption, console, print_json
from dagster_project.doctor.finding import Finding, repaired
from dagster_project.settings import Settings, load_settings
from lakehouse.errors import TidemarkError

_MARKS = {
    "good": "[green]✓[/]",
    "warning": "[yellow]![/]",
    "broken": "[red]✗[/]",
    "repaired": "[cyan]→[/]",
}


def doctor(
    fix: Annotated[bool, typer.Option("--fix", help="Repair what loses nothing.")] = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also read every file's footer and artifacts' hashes.")
    ] = False,
    policy: Annotated[
        bool, typer.Option("--policy", help="Print the least rights on S3 and Postgres instead.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Examine versions, places, Postgres, clocks, the catalog, files, artifacts and leftovers.

    Exit code 1 if something is broken. Each finding comes with its remedy.
    """
    settings = load_settings()
    if policy:
        _print_policy(settings, json=json)
        return
    findings = _examined(settings, fix=fix, deep=deep, quiet=json)
    broken = [finding for finding in findings if finding.status == "broken"]
    if json:
        print_json(
            {
                "findings": [
                    {"area": one.area, "status": one.status, "what": one.what, "remedy": one.remedy}
                    for one in findings
                ],
                "broken": len(broken),
            }
        )
    if broken:
        raise TidemarkError(
            f"{len(broken)} things are broken, the first: {broken[0].what}",
            hint=broken[0].remedy,
        )


def _examined(settings: Settings, *, fix: bool, deep: bool, quiet: bool) -> list[Finding]:
    from dagster_project.doctor.examination import examine

    findings = []
    for found in examine(settings, deep=deep):
        finding = _repaired(found) if fix else found
        findings.append(finding)
        if not quiet:
            console.print(
                f"{_MARKS[finding.status]} [dim]{finding.area:10}[/] {escape(finding.what)}",
                highlight=False,
            )
            if finding.remedy:
                console.print(f"  [dim]{escape(finding.remedy)}[/]", highlight=False)
    return findings


def _repaired(finding: Finding) -> Finding:
    try:
        return repaired(finding)
    except TidemarkError as error:
        return replace(finding, remedy=f"Could not be repaired: {error.message} {error.hint}")


def _print_policy(settings: Settings, *, json: bool) -> None:
    from dagster_project.doctor.policy import iam_policy, postgres_grants

    if json:
        print_json({"iam": iam_policy(settings), "postgres": postgres_grants()})
        return
    print_json(iam_policy(settings))
    print("\n-- Postgres, as administrator:")  # noqa: T201 - to be piped into psql
    print("\n".join(postgres_grants()))  # noqa: T201
