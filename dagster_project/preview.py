"""What the next run would do, with files, rows and seconds: the plan, seen from the past runs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath

from dagster_project.concerned import accounted_by
from dagster_project.durations import StepRun, estimated_seconds, past_steps
from dagster_project.job_names import BUILD_AFTER_SCORING, BUILD_BEFORE_SCORING
from dagster_project.lineage import sources_of
from dagster_project.plan import PlatformState, Step, plan_run
from dagster_project.platform import Platform
from dagster_project.rebuilds import outdated_models
from dagster_project.state import read_state, state_without_lake
from lakehouse.connection import Lake
from lakehouse.landing.files import LandedFile
from lakehouse.quoting import quote_identifier
from lakehouse.table_columns import column_types
from ml_assets.extraction.table import extractions_table
from ml_assets.retraining_state import open_decision
from ml_assets.scoring import scores_table

_SERVING = ("score", "extract")


@dataclass(frozen=True)
class PlannedStep:
    """A step of the next run.

    Attributes:
        action, subject, reason: As in the plan.
        files: Keys of the files that it takes.
        bytes: Their size.
        dbt_models: The dbt models that it builds.
        in_full: Those of them that are built from all rows, as their code has changed.
        rows: Rows that it works on, estimated; None if unknown, or if that does not matter.
        seconds: Its time, estimated; None if it has never run.
    """

    action: str
    subject: str
    reason: str
    files: tuple[str, ...] = ()
    bytes: int = 0
    dbt_models: tuple[str, ...] = ()
    in_full: tuple[str, ...] = ()
    rows: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Preview:
    """The next run.

    Attributes:
        steps: Its steps, in order.
        seconds: The time of those that ran before; None if none did.
        never_ran: Steps of Dagster whose time nothing tells.
        notes: What else is known of the models.
    """

    steps: tuple[PlannedStep, ...]
    seconds: float | None
    never_ran: tuple[str, ...]
    notes: tuple[str, ...] = ()


def preview(platform: Platform) -> Preview:
    """The next run, as of now; changes nothing."""
    with platform.rehearsed_lake() as lake:
        if lake is None:
            return _preview(platform, state_without_lake(platform), {}, rows={}, past={})
        state = read_state(platform, lake=lake)
        retrain, notes = _evidence(platform, lake, state)
        past = past_steps(platform.settings.server.dagster)
        found = _preview(
            platform,
            state,
            retrain,
            rows=estimated_rows(state.files, _density(lake)),
            past=_with_rows(lake, past),
        )
        outdated = set(outdated_models(lake, platform.runtime.features_versions))
    steps = tuple(
        replace(step, in_full=tuple(name for name in step.dbt_models if name in outdated))
        for step in found.steps
    )
    return replace(found, steps=steps, notes=notes)


def estimated_rows(
    files: Iterable[LandedFile], density: Mapping[tuple[str, str], float]
) -> dict[str, int | None]:
    """Rows in new files, by source; None where a file is of a kind not loaded before.

    Args:
        files: The new files.
        density: Rows a byte of files that were loaded, by source and file ending.
    """
    rows: dict[str, int | None] = {}
    for file in files:
        of_kind = density.get((file.source, file_ending(file.key)))
        before = rows.get(file.source, 0)
        known = before is not None and of_kind is not None
        rows[file.source] = round((before or 0) + (of_kind or 0.0) * file.size) if known else None
    return rows


def file_ending(key: str) -> str:
    """What of a file's name tells how many rows a byte holds.

    >>> file_ending("reviews/2023.part/a.b.JSONL.gz")
    '.jsonl.gz'
    """
    suffixes = PurePosixPath(key.lower()).suffixes
    packed = suffixes[-1:] in ([".gz"], [".zst"])
    return "".join(suffixes[-2:] if packed else suffixes[-1:])


def step_names(step: Step, accounted: Iterable[str]) -> list[str]:
    """The names that Dagster has for what a step of the plan does.

    The dbt models that read scores are built once, whichever steps ask for it: they are not in it,
    but for `publish`, which is nothing else.
    """
    name = step.subject
    training = ("training_set", "challenger", "evaluation", "champion")
    names = {
        "ingest": [f"raw__{name}", f"monitoring__profile_{name}"],
        "profile": [f"monitoring__profile_{name}"],
        "account": [f"ops__row_accounting_{name}"],
        "build": [BUILD_BEFORE_SCORING, *(f"ops__row_accounting_{one}" for one in accounted)],
        "train": [f"{name}__{part}" for part in training],
        "score": [f"ml__{scores_table(name)}", f"{name}__drift", f"{name}__performance"],
        "extract": [
            f"{name}__extractor", f"{name}__champion", f"ml__{extractions_table(name)}",
            f"{name}__drift", f"{name}__performance",
        ],
        "publish": [BUILD_AFTER_SCORING],
    }  # fmt: skip
    return names.get(step.action, [])


def _preview(
    platform: Platform,
    state: PlatformState,
    retrain: Mapping[str, str],
    *,
    rows: Mapping[str, int | None],
    past: Mapping[str, Sequence[StepRun]],
) -> Preview:
    steps = plan_run(state, retrain=retrain)
    last = max((i for i, step in enumerate(steps) if step.action in _SERVING), default=None)
    planned, never_ran = [], []
    for index, step in enumerate(steps):
        names = step_names(step, accounted_by(platform, step.dbt_models))
        if index == last and platform.has_models_after_scoring:
            names.append(BUILD_AFTER_SCORING)
        count = planned_rows(platform, step, state, rows)
        times = [estimated_seconds(past.get(name, ()), count) for name in names]
        known = [seconds for seconds in times if seconds is not None]
        never_ran += [name for name in names if not past.get(name)]
        files = [file for file in state.files if (step.action, step.subject) == _taking(file)]
        planned.append(
            PlannedStep(
                *(step.action, step.subject, step.reason),
                files=tuple(file.key for file in files),
                bytes=sum(file.size for file in files),
                dbt_models=_dbt_models(platform, step),
                rows=count,
                seconds=sum(known) if known else None,
            )
        )
    seconds = [step.seconds for step in planned if step.seconds is not None]
    return Preview(tuple(planned), sum(seconds) if seconds else None, tuple(never_ran), ())


def _taking(file: LandedFile) -> tuple[str, str]:
    return "ingest", file.source


def planned_rows(
    platform: Platform, step: Step, state: PlatformState, rows: Mapping[str, int | None]
) -> int | None:
    """The rows that the step works on: those in new files, and those that wait to be served."""
    if step.action == "ingest":
        return rows.get(step.subject)
    if step.action not in ("build", *_SERVING):
        return None
    sources = {file.source for file in state.files}
    waiting = 0
    if step.action in _SERVING:
        spec = platform.good_specs.get(step.subject) or platform.extractions[step.subject]
        sources &= sources_of(platform.manifest, spec.table)
        waits = {model.name: model.unscored for model in state.models}
        waits |= {extraction.name: extraction.waiting for extraction in state.extractions}
        waiting = waits[step.subject]
    known = [count for count in (rows.get(source) for source in sources) if count is not None]
    return waiting + sum(known) if len(known) == len(sources) else None


def _dbt_models(platform: Platform, step: Step) -> tuple[str, ...]:
    if step.action not in ("build", "publish"):
        return ()
    if step.dbt_models is not None:
        return step.dbt_models
    return tuple(
        sorted(
            str(node["name"])
            for node in platform.manifest["nodes"].values()
            if node["resource_type"] == "model"
            and ("after_scoring" in node["tags"]) == (step.action == "publish")
        )
    )


def _evidence(
    platform: Platform, lake: Lake, state: PlatformState
) -> tuple[dict[str, str], tuple[str, ...]]:
    """The models that evidence asks to train, with the ground, and why it does not for others."""
    retrain, notes = {}, []
    for model in state.models:
        if model.reason_to_train is not None:
            continue
        spec = platform.good_specs[model.name]
        version = platform.runtime.code[spec.table].version
        decision = open_decision(lake, spec, features_version=version, now=datetime.now(UTC))
        if decision is not None and decision.retrain:
            retrain[model.name] = decision.ground
        elif decision is not None:
            notes.append(f"{model.name}: {decision.reason}")
    return retrain, tuple(notes)


def _density(lake: Lake) -> dict[tuple[str, str], float]:
    """Rows a byte of the files that the ledger has, by source and file ending."""
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    rows = lake.rows(
        "select source, file, lines, bytes from lake.ops.file_ledger where status = 'loaded'"
    )
    for source, key, lines, size in rows:
        known_lines, known_size = sums.get((source, file_ending(key)), (0, 0))
        sums[source, file_ending(key)] = (known_lines + lines, known_size + size)
    return {kind: lines / size for kind, (lines, size) in sums.items() if size}


def _with_rows(lake: Lake, past: Mapping[str, Sequence[StepRun]]) -> dict[str, list[StepRun]]:
    """The runs of steps whose time depends on rows, with their rows."""
    loads = lake.rows("select source, lines, loaded_at from lake.ops.file_ledger")
    spans: dict[str, tuple[datetime, datetime]] = {}
    for run in (run for runs in past.values() for run in runs):
        start, end = spans.get(run.run_id, (run.started_at, run.ended_at))
        spans[run.run_id] = (min(start, run.started_at), max(end, run.ended_at))

    def loaded(run: StepRun, source: str | None) -> int:
        start, end = spans[run.run_id]
        return sum(
            lines for name, lines, at in loads if source in (None, name) and start <= at <= end
        )

    found: dict[str, list[StepRun]] = {}
    for name, runs in past.items():
        prefix, _, subject = name.partition("__")
        if name == BUILD_BEFORE_SCORING:
            found[name] = [replace(run, rows=loaded(run, None)) for run in runs]
        elif prefix in ("raw", "monitoring"):
            source = subject.removeprefix("profile_")
            found[name] = [replace(run, rows=loaded(run, source)) for run in runs]
        elif prefix == "ml":
            scored = _scored(lake, subject, [run.run_id for run in runs])
            found[name] = [replace(run, rows=scored.get(run.run_id, 0)) for run in runs]
        else:
            found[name] = list(runs)
    return found


def _scored(lake: Lake, table: str, run_ids: list[str]) -> dict[str, int]:
    """Rows that each of the runs has scored, or read for an extraction."""
    if not column_types(lake, "ml", table):
        return {}
    query = (
        f"select run_id, count(*) from lake.ml.{quote_identifier(table)}"  # noqa: S608 - quoted
        " where run_id in (select unnest(?)) group by run_id"
    )
    return {str(run): int(count) for run, count in lake.rows(query, [run_ids])}
