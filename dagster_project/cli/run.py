"""`tidemark run`: the whole graph, only what is new."""

import time
from contextlib import ExitStack, nullcontext
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape

from dagster_project.cli.output import JsonOption, console, print_json
from dagster_project.cli.pull import pull_all, raise_failed
from dagster_project.cli.report import print_report, report
from dagster_project.dbt_server import warm_dbt
from dagster_project.manifest import is_parsed
from dagster_project.outcome import RunOutcome
from dagster_project.plan import Step, plan_run
from dagster_project.platform import Platform, load_platform
from dagster_project.progress import Progress, SilentProgress, TerminalProgress
from dagster_project.state import read_state
from lakehouse.errors import TidemarkError
from ml_assets.retraining_state import consider_retraining

# A run may bring evidence that asks for one retraining; what that one shows waits for the next.
_MOST_ROUNDS = 2


def run(
    rescore: Annotated[
        bool, typer.Option("--rescore", help="Score again what older champions have scored.")
    ] = False,
    retrain: Annotated[
        list[str] | None, typer.Option("--retrain", help="Train this model in any case.")
    ] = None,
    pull: Annotated[
        bool, typer.Option("--pull", help="First fetch what is new at the declared sources.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Run the whole graph: load, clean, train where needed, gate, score, monitor.

    Without --pull nothing is fetched from the network: the run takes the files that have landed.
    Only what is new is done: files that the ledger does not hold, rows that the champion has not
    scored, models whose spec or features changed. Drift or bad performance found on the way asks
    for a retraining, which follows at once if the model's policy allows it.
    """
    platform = load_platform()
    started = time.perf_counter()
    pulls = pull_all(platform, quiet=json) if pull else []
    outcomes = run_rounds(platform, rescore=rescore, retrain=retrain or [], quiet=json)
    seconds = time.perf_counter() - started
    if json:
        print_json(
            {
                "runs": [outcome.run_id for outcome in outcomes],
                "success": all(outcome.success for outcome in outcomes),
                "pulls": [one.as_json() for one in pulls],
                "errors": [str(error) for outcome in outcomes for error in outcome.errors],
                "seconds": seconds,
                "report": report(platform),
            }
        )
    elif not outcomes:
        console.print(f"Everything is up to date ({seconds:.1f} s).", highlight=False)
    elif all(outcome.success for outcome in outcomes):
        print_report(platform, seconds=seconds)
    for outcome in outcomes:
        if not outcome.success:
            raise outcome.as_error()
    raise_failed(pulls)


def run_rounds(
    platform: Platform, *, rescore: bool, retrain: list[str], quiet: bool
) -> list[RunOutcome]:
    """Runs until nothing is left to do, or a run fails; asks after each whether to retrain."""
    outcomes: list[RunOutcome] = []
    asked = dict.fromkeys(retrain, "it was asked for")
    with ExitStack() as stack:
        if not is_parsed(platform.settings):
            # What has to read the project anyway reads it once, for the plan and for the build.
            stack.enter_context(warm_dbt(platform.settings))
        _check_names(platform, retrain)
        _warn_of_broken_specs(platform, quiet=quiet)
        for _ in range(_MOST_ROUNDS):
            state = read_state(platform, rescore=rescore)
            steps = plan_run(state, retrain=asked)
            if not steps:
                asked = _retraining_asked(platform, quiet=quiet)
                steps = plan_run(state, retrain=asked)
            if not steps:
                break
            stack.enter_context(warm_dbt(platform.settings))
            outcomes.append(_round(platform, steps, rescore=rescore, quiet=quiet))
            if not outcomes[-1].success:
                break
            asked = _retraining_asked(platform, quiet=quiet)
    return outcomes


def _round(
    platform: Platform, steps: tuple[Step, ...], *, rescore: bool, quiet: bool
) -> RunOutcome:
    if not quiet:
        for step in steps:
            console.print(
                f"[bold]{step.action}[/] {step.subject} [dim]because {step.reason}[/]",
                highlight=False,
            )
    # Before Dagster: skops looks for scipy's functions in all modules, in the order of import,
    # which takes seconds when thousands come before.
    import scipy.special  # noqa: F401 - for its place among the modules

    # Dagster takes seconds to import: the plan is shown before.
    from dagster_project.execution import execute

    progress: Progress = SilentProgress() if quiet else TerminalProgress(console)
    with progress if isinstance(progress, TerminalProgress) else nullcontext():
        return execute(platform, steps, rescore=rescore, progress=progress)


def _retraining_asked(platform: Platform, *, quiet: bool) -> dict[str, str]:
    """The models to be trained now, by what has been found out about them, and why."""
    asked = {}
    for name, spec in platform.good_specs.items():
        decision = consider_retraining(
            platform.lake(),
            spec,
            features_version=platform.runtime.features_versions[spec.table],
            now=datetime.now(UTC),
        )
        if decision is None:
            continue
        if not quiet:
            word = "[yellow]retrain[/]" if decision.retrain else "no retraining"
            console.print(f"{name}: {word}: {decision.reason}", highlight=False)
        if decision.retrain:
            asked[name] = decision.ground
    return asked


def _check_names(platform: Platform, names: list[str]) -> None:
    unknown = [name for name in names if name not in platform.good_specs]
    for broken in platform.broken_specs:
        if broken.name in unknown:
            raise TidemarkError(
                f"The spec of '{broken.name}' is broken: {broken.errors[0].render()}",
                hint="Correct it; `tidemark check` shows all errors.",
            )
    if unknown:
        raise TidemarkError(
            f"There is no model '{unknown[0]}' to train.",
            hint=f"The models are: {', '.join(platform.good_specs) or 'none'}."
            + (" Nothing is trained for an extraction." if platform.extractions else ""),
        )


def _warn_of_broken_specs(platform: Platform, *, quiet: bool) -> None:
    if quiet:
        return
    for broken in platform.broken_specs:
        for error in broken.errors:
            console.print(f"[yellow]broken spec[/] {escape(error.render())}", highlight=False)
