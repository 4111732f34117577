"""Runs a plan: the plan's assets in one Dagster run in this process, with progress."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_shared.error import SerializableErrorInfo

from dagster_project.dead_runs import PROCESS_TAG, close_dead_runs, this_process
from dagster_project.definitions import build_definitions
from dagster_project.instance import open_instance
from dagster_project.jobs import step_keys
from dagster_project.outcome import RunOutcome
from dagster_project.plan import Step
from dagster_project.platform import Platform
from dagster_project.progress import Progress, progress_logger
from lakehouse.errors import TidemarkError
from lakehouse.failures import explanation_of
from ml_assets.assets.serving import RESCORE_TAG

_LOGGER = "progress"


def execute(
    platform: Platform,
    steps: Sequence[Step],
    *,
    progress: Progress,
    rescore: bool = False,
    config: Mapping[str, Mapping[str, Any]] | None = None,
) -> RunOutcome:
    """Runs the steps' assets; failures of steps are in the outcome, not raised.

    Runs that were killed before are closed first: Dagster would show them as running for ever.

    Args:
        platform: The platform.
        steps: What to do.
        progress: Where events are told.
        rescore: Whether to score again what older champions have scored.
        config: Values of the assets' own options, by step name.
    """
    definitions = build_definitions(platform, loggers={_LOGGER: progress_logger(progress)})
    job = definitions.resolve_implicit_global_asset_job_def()
    tags = {"tidemark/started_by": "tidemark run", PROCESS_TAG: this_process()}
    if rescore:
        tags[RESCORE_TAG] = "true"
    with (
        open_instance(platform.settings) as instance,
        _output_in(platform.settings.log_folder / "run.log"),
    ):
        close_dead_runs(instance)
        result = job.execute_in_process(
            instance=instance,
            asset_selection=step_keys(platform, steps),
            run_config={
                "loggers": {_LOGGER: {}},
                "ops": {step: {"config": dict(values)} for step, values in (config or {}).items()},
            },
            raise_on_error=False,
            tags=tags,
        )
    return RunOutcome(
        run_id=result.run_id,
        success=result.success,
        errors=tuple(_errors(result)),
        failed_checks=tuple(_failed_checks(result)),
    )


@contextmanager
def _output_in(log: Path) -> Iterator[None]:
    """What dbt, Dagster and libraries print goes to the log; the terminal shows the steps."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", buffering=1) as output:
        handler = logging.StreamHandler(output)
        logging.getLogger().addHandler(handler)
        try:
            with redirect_stdout(output), redirect_stderr(output):
                yield
        finally:
            logging.getLogger().removeHandler(handler)


def _errors(result: dg.ExecuteInProcessResult) -> list[TidemarkError]:
    errors = []
    for event in result.all_events:
        if event.event_type_value != "STEP_FAILURE":
            continue
        failure = event.step_failure_data
        error = _cause(failure.error)
        if failure.user_failure_data is not None and failure.user_failure_data.description:
            message = failure.user_failure_data.description
        else:
            message = "unknown error" if error is None else _message_of(error)
        text, _, hint = message.partition("\nHint: ")
        errors.append(
            TidemarkError(
                f"{event.step_key}: {text.strip()}",
                hint=hint.strip() or f"The whole log: Dagster UI, run {result.run_id[:8]}.",
            )
        )
    return errors


def _cause(error: SerializableErrorInfo | None) -> SerializableErrorInfo | None:
    """What a step said: the error meant for users, or else the innermost in Dagster's wrappings."""
    while error is not None and error.cause is not None and error.cls_name != "TidemarkError":
        error = error.cause
    return error


def _message_of(error: SerializableErrorInfo) -> str:
    kind = error.cls_name or "Error"
    text = error.message.strip()
    for prefix in ("lakehouse.errors.TidemarkError: ", f"{kind}: "):
        text = text.removeprefix(prefix)
    if kind == "TidemarkError":
        return text
    known = explanation_of(OSError(text))
    return f"{kind}: {text}" if known is None else str(known)


def _failed_checks(result: dg.ExecuteInProcessResult) -> list[str]:
    return [
        f"{evaluation.asset_key.to_user_string()}: {evaluation.check_name}:"
        f" {evaluation.description or 'failed'}"
        for evaluation in result.get_asset_check_evaluations()
        if not evaluation.passed
    ]
