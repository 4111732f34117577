"""Progress of a run in the terminal, out of Dagster's own events."""

import logging
import time
from typing import TYPE_CHECKING, Any, Protocol

from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    import dagster as dg

_SHOWN_LEVEL = logging.INFO


class Progress(Protocol):
    """Where a run's events are told."""

    def step_started(self, step: str) -> None:
        """A step began."""
        ...

    def step_ended(self, step: str, *, success: bool) -> None:
        """A step ended."""
        ...

    def made(self, step: str, asset: str) -> None:
        """A step of many assets has made one of them."""
        ...

    def note(self, step: str, message: str, *, warning: bool) -> None:
        """A step says something."""
        ...


class TerminalProgress:
    """Prints a line a step with its time, notes beneath it, and a spinner while it works."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started: dict[str, float] = {}
        self._status = console.status("starting")

    def __enter__(self) -> "TerminalProgress":
        self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    def step_started(self, step: str) -> None:
        """Shows the step beside the spinner."""
        self._started[step] = time.perf_counter()
        self._status.update(f"[cyan]{escape(step)}[/]")

    def step_ended(self, step: str, *, success: bool) -> None:
        """Prints the step with its seconds."""
        now = time.perf_counter()
        seconds = now - self._started.get(step, now)
        mark = "[green]✓[/]" if success else "[red]✗[/]"
        self._console.print(f"{mark} {escape(step)} [dim]{seconds:.1f} s[/]", highlight=False)

    def made(self, step: str, asset: str) -> None:
        """Shows the asset beside the spinner."""
        self._status.update(f"[cyan]{escape(step)}[/] [dim]{escape(asset)}[/]")

    def note(self, step: str, message: str, *, warning: bool) -> None:
        """Prints what a step says, beneath the steps before it."""
        del step
        style = "yellow" if warning else "dim"
        self._console.print(f"  [{style}]{escape(message)}[/]", highlight=False)


class SilentProgress:
    """Tells nothing, for `--json` and tests."""

    def step_started(self, step: str) -> None:
        """Nothing."""

    def step_ended(self, step: str, *, success: bool) -> None:
        """Nothing."""

    def made(self, step: str, asset: str) -> None:
        """Nothing."""

    def note(self, step: str, message: str, *, warning: bool) -> None:
        """Nothing."""


def progress_logger(progress: Progress) -> "dg.LoggerDefinition":
    """A Dagster logger that hands events to the progress instead of printing them."""
    import dagster as dg

    def start(_: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.Logger("tidemark.progress", level=logging.DEBUG)
        logger.addHandler(_ProgressHandler(progress))
        return logger

    return dg.LoggerDefinition(logger_fn=start, description="Progress in the terminal.")


class _ProgressHandler(logging.Handler):
    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress

    def emit(self, record: logging.LogRecord) -> None:
        meta: dict[str, Any] = getattr(record, "dagster_meta", {})
        event = meta.get("dagster_event")
        step = str(meta.get("step_key") or "run")
        if event is None:
            message = str(meta.get("orig_message") or "")
            if record.levelno >= _SHOWN_LEVEL and not _is_of_the_framework(step, message):
                warning = record.levelno >= logging.WARNING
                self._progress.note(step, message, warning=warning)
        elif event.event_type_value == "ASSET_MATERIALIZATION":
            self._progress.made(step, event.asset_key.to_user_string())
        elif event.event_type_value == "STEP_START":
            self._progress.step_started(step)
        elif event.event_type_value in ("STEP_SUCCESS", "STEP_FAILURE"):
            success = event.event_type_value == "STEP_SUCCESS"
            self._progress.step_ended(step, success=success)


def _is_of_the_framework(step: str, message: str) -> bool:
    """Whether Dagster or dagster-dbt says it, of their own workings, and not the platform."""
    own = ("Dependencies for", "Skipping step")
    return not message or step.startswith("dbt_models") or message.startswith(own)
