"""`tidemark pull`: what is new at the declared sources, as files in the landing zone."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from dagster_project.cli.output import JsonOption, console, print_json, print_table
from dagster_project.platform import Platform, load_platform
from lakehouse.errors import TidemarkError
from lakehouse.feeds.document import Feed
from lakehouse.feeds.loading import find_feed
from lakehouse.pulls.records import PullRecord


@dataclass(frozen=True)
class PullOutcome:
    """What became of a source's pull: its record, or why there is none."""

    source: str
    record: PullRecord | None = None
    error: TidemarkError | None = None
    skipped: str = ""

    def as_json(self) -> dict[str, Any]:
        """The outcome as plain values."""
        if self.record is not None:
            return vars(self.record)
        status = "failed" if self.error else "skipped"
        reason = self.error.message if self.error else self.skipped
        return {"source": self.source, "status": status, "reason": reason}


def pull(
    names: Annotated[
        list[str] | None, typer.Argument(help="Sources to pull; without: all that can be.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be asked for.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Fetch what is new at the declared sources, and land it as files.

    APIs, databases and URLs are asked as `sources/*.yaml` say; answers land byte for byte. Nothing
    is loaded yet: `tidemark run` does that, and the sensors of `tidemark up` do it by themselves.
    Stopped at any moment and pulled again, nothing is lost or doubled. Sources whose environment
    variables are not set are passed over, unless they are named.
    """
    platform = load_platform()
    feeds = [_named(platform, name) for name in names or ()] or _pulled(platform)
    if dry_run:
        _show_next(platform, feeds, json=json)
        return
    outcomes = pull_all(platform, feeds, quiet=json, skip=not names)
    if json:
        print_json([outcome.as_json() for outcome in outcomes])
    elif not outcomes:
        console.print("No source is pulled: declare one in sources/ with `from`.")
    raise_failed(outcomes)


def pull_all(
    platform: Platform, feeds: Iterable[Feed] | None = None, *, quiet: bool, skip: bool = True
) -> list[PullOutcome]:
    """Pulls one source after the other; a failure keeps none of the others back.

    Args:
        platform: The platform.
        feeds: The sources; None for all that are pulled.
        quiet: Whether to print nothing.
        skip: Whether to pass over those whose environment variables are not set.
    """
    outcomes = []
    for feed in _pulled(platform) if feeds is None else feeds:
        outcome = _pull(platform, feed, skip=skip)
        outcomes.append(outcome)
        if not quiet:
            _print(outcome)
    return outcomes


def raise_failed(outcomes: Iterable[PullOutcome]) -> None:
    """Raises where a pull failed."""
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    if len(failed) == 1 and failed[0].error:
        raise failed[0].error
    if failed:
        raise TidemarkError(
            "\n".join(str(outcome.error) for outcome in failed),
            hint="What the other sources gave has landed; pull these again.",
        )


def _pull(platform: Platform, feed: Feed, *, skip: bool) -> PullOutcome:
    from lakehouse.pulls.pull import pull_source

    context = platform.pull_context
    missing = [name for name in feed.variables if not context.variable(name)]
    if missing and skip:
        return PullOutcome(feed.name, skipped=f"{', '.join(missing)} is not set")
    try:
        record = pull_source(context, feed, platform.sources[feed.table])
    except TidemarkError as error:
        return PullOutcome(feed.name, error=error)
    return PullOutcome(feed.name, record)


def _pulled(platform: Platform) -> list[Feed]:
    return [feed for feed in platform.feeds.values() if feed.pulled]


def _named(platform: Platform, name: str) -> Feed:
    for broken in platform.broken_feeds:
        if broken.name == name:
            raise TidemarkError(
                f"The declaration of '{name}' is broken: {broken.errors[0].render()}",
                hint="Correct it; `tidemark check` shows all errors.",
            )
    return find_feed(platform.feeds, name)


def _print(outcome: PullOutcome) -> None:
    if outcome.record is None:
        text = f"failed: {outcome.error.message}" if outcome.error else outcome.skipped
        console.print(f"{outcome.source}: {text}", markup=False, highlight=False)
        return
    record = outcome.record
    rows = "" if record.rows is None else f", {record.rows:,} records"
    reach = f", up to {record.cursor}" if record.cursor else ""
    text = (
        "nothing new"
        if record.status == "unchanged"
        else f"{record.files} files landed ({record.bytes / 1e6:,.2f} MB{rows}){reach}"
    )
    console.print(f"{outcome.source}: {text}", markup=False, highlight=False)


def _show_next(platform: Platform, feeds: list[Feed], *, json: bool) -> None:
    from lakehouse.pulls.pull import next_pull

    context = platform.pull_context
    found = [next_pull(context, feed) for feed in feeds]
    if json:
        print_json([vars(one) for one in found])
        return
    rows = [
        (
            one.source,
            one.request,
            one.cursor or "",
            ", ".join(f"{name} is not set" for name in one.missing),
        )
        for one in found
    ]
    print_table("The next pull", ["source", "asks for", "has up to", "problem"], rows)
