"""`tidemark backtest-policy`: what a retraining policy would have cost and gained."""

from contextlib import nullcontext
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from dagster_project.cli.output import JsonOption, console, print_json, print_table
from dagster_project.platform import Platform, load_platform
from lakehouse.errors import TidemarkError
from ml_assets.policy_replay.history import History, history_of
from ml_assets.policy_replay.policies import NEVER, Policy, usual_policies
from ml_assets.policy_replay.summary import PolicyResult, no_change, summarize
from ml_assets.policy_replay.trainer import Trainer
from ml_assets.policy_replay.walk import Walk, replay
from ml_assets.spec.document import ModelSpec

# Where no start is given, so much of the history is for the first training.
_FIRST_SHARE = 0.25


def backtest_policy(  # noqa: PLR0917 - typer's options
    model: Annotated[str, typer.Argument(help="The model whose history is replayed.")],
    start: Annotated[
        datetime | None,
        typer.Option(
            "--from",
            formats=["%Y-%m-%d"],
            help="Day (UTC) of the first training; a quarter of the rows is older by default.",
        ),
    ] = None,
    policy: Annotated[
        list[str] | None,
        typer.Option(help="Only this policy, beside `never`: never, drift, performance, spec ..."),
    ] = None,
    every: Annotated[
        int, typer.Option(help="Days between trainings of the policy at fixed intervals.", min=1)
    ] = 30,
    window_days: Annotated[
        int | None,
        typer.Option(help="Train on the newest days only (a sliding window).", min=1),
    ] = None,
    without_gate: Annotated[
        bool, typer.Option("--without-gate", help="Each new model serves, whatever the gate says.")
    ] = False,
    plot: Annotated[Path | None, typer.Option(help="Write a picture (PNG) here.")] = None,
    json: JsonOption = False,
) -> None:
    """Replay the past: what would retraining by this or that policy have cost and gained?

    Each day of the lake's history is scored by the model that stood the evening before; the
    monitors look, and the policy decides, on what was known by then. Compared are never, at fixed
    intervals, on drift, on performance and the spec's own policy, all against `never`. Nothing is
    written to the lake. It takes as long as the trainings do.

    Example: tidemark backtest-policy electricity_direction --plot policies.png
    """
    platform = load_platform()
    spec = _spec(platform, model)
    policies = _chosen(usual_policies(spec, every_days=every), policy)
    history = history_of(platform.lake(), spec)
    begin = start.replace(tzinfo=UTC) if start else history.start_after(_FIRST_SHARE)
    trainer = Trainer(spec, history, window_days=window_days)
    walks: list[Walk] = []
    for chosen in policies:
        with nullcontext() if json else console.status(f"{chosen.name}, day by day"):
            walks.append(replay(chosen, trainer, start=begin, gate=not without_gate))
    walks.append(no_change(history, walks[0].first))
    results = summarize(spec, history, walks)
    if plot is not None:
        from ml_assets.policy_replay.plot import policies_plot

        plot.write_bytes(policies_plot(results, walks, title=f"{model}: retraining policies"))
    if json:
        print_json(_document(results, walks, begin=begin))
    else:
        _print(spec, history, results, walks, begin=begin)


def _spec(platform: Platform, model: str) -> ModelSpec:
    if model not in platform.good_specs:
        raise TidemarkError(
            f"There is no model '{model}'.",
            hint=f"The models are: {', '.join(platform.good_specs) or 'none'}.",
        )
    return platform.good_specs[model]


def _chosen(policies: dict[str, Policy], names: list[str] | None) -> list[Policy]:
    """The policies of those names, `never` first: all gains are over it."""
    unknown = [name for name in names or () if name not in policies]
    if unknown:
        raise TidemarkError(
            f"There is no policy '{unknown[0]}' here.",
            hint=f"The policies are: {', '.join(policies)}.",
        )
    return [one for name, one in policies.items() if not names or name in (NEVER, *names)]


def _print(
    spec: ModelSpec,
    history: History,
    results: list[PolicyResult],
    walks: list[Walk],
    *,
    begin: datetime,
) -> None:
    metric = results[0].metric
    rows = [
        (
            result.policy,
            result.retrainings if walk.trainings else None,
            result.promotions if walk.trainings else None,
            f"{result.fit_seconds:.1f}" if walk.trainings else None,
            f"{result.value.estimate:.4f} [{result.value.low:.4f}, {result.value.high:.4f}]",
            _gain(result),
            None if result.kappa_temporal is None else f"{result.kappa_temporal:+.3f}",
        )
        for result, walk in zip(results, walks, strict=True)
    ]
    scored = len(history) - walks[0].first
    print_table(
        f"{spec.name}: {scored:,} rows from {begin:%Y-%m-%d} on, day by day (95 % intervals over"
        " days)",
        ["policy", "retrainings", "promoted", "fit s", metric, "gain over never", "kappa temporal"],
        rows,
    )
    months = [
        (month, *(f"{result.months[month]:.3f}" for result in results))
        for month in results[0].months
    ]
    print_table(f"{metric} by month", ["month", *(result.policy for result in results)], months)


def _gain(result: PolicyResult) -> str | None:
    gain = result.gain
    return None if gain is None else f"{gain.estimate:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]"


def _document(results: list[PolicyResult], walks: list[Walk], *, begin: datetime) -> dict[str, Any]:
    return {
        "from": begin,
        "policies": [
            {**asdict(result), "trainings": [asdict(training) for training in walk.trainings]}
            for result, walk in zip(results, walks, strict=True)
        ],
    }
