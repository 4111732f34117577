"""What a run tells the terminal, out of Dagster's own events."""

import io
import logging

import dagster as dg
import pytest
from rich.console import Console

from dagster_project.progress import SilentProgress, TerminalProgress, progress_logger


class Recorded(SilentProgress):
    """Keeps what it is told."""

    def __init__(self):
        self.told = []

    def step_started(self, step):
        self.told.append(("started", step))

    def step_ended(self, step, *, success):
        self.told.append(("ended", step, success))

    def made(self, step, asset):
        self.told.append(("made", step, asset))

    def note(self, step, message, *, warning):
        self.told.append(("note", step, message, warning))


@dg.asset
def fine(context: dg.AssetExecutionContext) -> None:
    context.log.debug("too much")
    context.log.info("42 rows")
    context.log.warning("2 of them odd")


@dg.asset
def failing() -> None:
    raise ValueError("boom")


@dg.asset
def dbt_models(context: dg.AssetExecutionContext) -> None:
    context.log.info("dbt's own words")


def _run(progress, *assets):
    job = dg.Definitions(
        assets, loggers={"progress": progress_logger(progress)}
    ).resolve_implicit_global_asset_job_def()
    job.execute_in_process(run_config={"loggers": {"progress": {}}}, raise_on_error=False)


def test_a_step_is_told_from_start_to_end_with_what_it_says_and_makes():
    recorded = Recorded()
    _run(recorded, fine)
    assert recorded.told == [
        ("started", "fine"),
        ("note", "fine", "42 rows", False),
        ("note", "fine", "2 of them odd", True),
        ("made", "fine", "fine"),
        ("ended", "fine", True),
    ]


def test_a_failed_step_is_told_as_failed():
    recorded = Recorded()
    _run(recorded, failing)
    assert recorded.told == [("started", "failing"), ("ended", "failing", False)]


def test_what_frameworks_say_of_themselves_is_left_out():
    recorded = Recorded()
    _run(recorded, dbt_models)
    assert [entry[0] for entry in recorded.told] == ["started", "made", "ended"]


def test_nothing_is_told_silently(capsys):
    progress = SilentProgress()
    progress.step_started("a")
    progress.made("a", "b")
    progress.note("a", "text", warning=True)
    progress.step_ended("a", success=True)
    assert capsys.readouterr() == ("", "")


@pytest.fixture
def terminal():
    output = io.StringIO()
    console = Console(file=output, width=100, color_system=None, force_terminal=False)
    return TerminalProgress(console), output


def test_the_terminal_has_a_line_for_each_step_and_note(terminal):
    progress, output = terminal
    with progress:
        progress.step_started("load [raw]")
        progress.made("load [raw]", "raw/[x]")
        progress.note("load [raw]", "3 rows [odd]", warning=True)
        progress.step_ended("load [raw]", success=True)
        progress.step_ended("never started", success=False)
    lines = output.getvalue().splitlines()
    assert lines[0] == "  3 rows [odd]"
    assert lines[1].startswith("✓ load [raw] ")
    assert lines[1].endswith(" s")
    assert lines[2].startswith("✗ never started ")


def test_a_record_that_is_not_dagster_s_is_left_out():
    recorded = Recorded()
    definition = progress_logger(recorded)
    logger = definition.logger_fn(dg.build_init_logger_context())
    logger.log(logging.ERROR, "somebody's")
    assert recorded.told == []
