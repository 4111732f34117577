"""What the next run would do and why: a pure decision over what is new and what is stale."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lakehouse.landing.files import LandedFile

Action = Literal[
    "ingest", "profile", "build", "account", "train", "score", "extract", "publish", "maintain"
]  # fmt: skip


@dataclass(frozen=True)
class ModelState:
    """What is known of a model before a run.

    Attributes:
        name: The model.
        reason_to_train: Why it must be trained; None if it is up to date, or there is no row that
            it could be trained on.
        unscored: Rows that wait for a score by the champion (all of them, when rescoring).
        serves: Whether it has a champion, so that new rows get a score.
        unmonitored: Whether the monitors have not seen the newest scores, or the champion.
        built: Whether the next build makes its table, so that it may get new rows.
    """

    name: str
    reason_to_train: str | None
    unscored: int
    serves: bool = False
    unmonitored: bool = False
    built: bool = True


@dataclass(frozen=True)
class ExtractionState:
    """What is known of an extraction before a run.

    Attributes:
        name: The extraction.
        outdated: Why it needs a new version, or the gate; None if neither.
        waiting: Rows that wait for the champion, or for the version that is to come.
        unmonitored: Whether the monitors have not seen the newest rows, or the champion.
        built: Whether the next build makes its table, so that it may get new rows.
    """

    name: str
    outdated: str | None
    waiting: int
    unmonitored: bool = False
    built: bool = True

    def reason(self, *, new_rows: bool) -> str | None:
        """Why it is run; None if there is nothing to do."""
        if self.outdated:
            return self.outdated
        if self.waiting:
            return f"{self.waiting} rows have not been read"
        if new_rows:
            return "new rows may be there"
        return "the monitors have not seen the newest rows" if self.unmonitored else None


@dataclass(frozen=True)
class PlatformState:
    """What is known before a run.

    Attributes:
        pending: Landed files, by source, that the ledger does not hold as they are now.
        newest_load: Newest load of the ledger.
        built_load: Newest load that the last dbt build has seen; None before the first build.
        manifest_hash, built_manifest_hash: Identity of the dbt code now and at the last build.
        models: The models whose specs are good.
        unprofiled, unaccounted: Sources whose newest rows have no profile, or are in no
            accounting: the run that brought them did not finish.
        extractions: The extractions whose specs are good.
        publishes: Whether there are tables that read scores.
        unpublished: Whether these are older than what they read.
        files: The pending files themselves.
        code_changes: How the dbt code differs from that of the last build, in words; empty where
            it does not, or where the lake does not know that code.
        dbt_models: What the next build has to make; None for all.
    """

    pending: dict[str, int]
    newest_load: int
    built_load: int | None
    manifest_hash: str
    built_manifest_hash: str | None
    models: tuple[ModelState, ...]
    unprofiled: tuple[str, ...] = ()
    unaccounted: tuple[str, ...] = ()
    publishes: bool = False
    unpublished: bool = False
    extractions: tuple[ExtractionState, ...] = ()
    files: tuple[LandedFile, ...] = ()
    code_changes: str = ""
    dbt_models: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Step:
    """One thing to do, on what, and why; `dbt_models` of a build are those it makes, None all."""

    action: Action
    subject: str
    reason: str
    dbt_models: tuple[str, ...] | None = None


def plan_run(state: PlatformState, *, retrain: Mapping[str, str] | None = None) -> tuple[Step, ...]:
    """The steps of the next run, in order; empty if everything is up to date.

    Args:
        state: What is known.
        retrain: Models to train in any case, and why.

    >>> nothing = PlatformState({"reviews": 0}, 3, 3, "abc", "abc", ())
    >>> plan_run(nothing)
    ()
    """
    steps = [
        Step("ingest", source, f"{count} landed {'file is' if count == 1 else 'files are'} new")
        for source, count in state.pending.items()
        if count
    ]
    build = _build_reason(state)
    if build:
        steps.append(Step("build", "dbt", build, state.dbt_models))
    has_new_rows = bool(steps)
    steps += _left_by_killed_runs(state)
    for model in state.models:
        new_rows = has_new_rows and model.built and model.serves
        training = (retrain or {}).get(model.name) or model.reason_to_train
        if training:
            steps.append(Step("train", model.name, training))
        if training or new_rows or model.unscored or model.unmonitored:
            steps.append(Step("score", model.name, _scoring_reason(model, new_rows=new_rows)))
    for extraction in state.extractions:
        if reason := extraction.reason(new_rows=has_new_rows and extraction.built):
            steps.append(Step("extract", extraction.name, reason))
    outdated = state.unpublished or (state.publishes and build is not None)
    if outdated and all(step.action not in ("score", "extract") for step in steps):
        steps.append(Step("publish", "dbt", "the tables that read scores are older than those"))
    return tuple(steps)


def _left_by_killed_runs(state: PlatformState) -> list[Step]:
    """What the steps before have done, and those after them have not seen."""
    sources = [name for name in state.unprofiled if not state.pending.get(name)]
    steps = [Step("profile", name, "its newest rows have no profile") for name in sources]
    if not _build_reason(state):
        reason = "the last build is in no accounting"
        steps += [Step("account", name, reason) for name in state.unaccounted]
    return steps


def _build_reason(state: PlatformState) -> str | None:
    if state.dbt_models == ():
        return None
    if any(state.pending.values()):
        changed = f"; dbt: {state.code_changes}" if state.code_changes else ""
        return f"new rows will be there{changed}"
    if state.built_load is None:
        return "there was no build yet" if state.newest_load else None
    if state.newest_load > state.built_load:
        return f"loads {state.built_load + 1} to {state.newest_load} are not built yet"
    if state.manifest_hash != state.built_manifest_hash:
        reason = "the dbt project has changed since the last build"
        return f"{reason}: {state.code_changes}" if state.code_changes else reason
    return None


def _scoring_reason(model: ModelState, *, new_rows: bool) -> str:
    if model.unscored:
        return f"{model.unscored} rows wait for a score"
    if model.unmonitored and not new_rows:
        return "the monitors have not seen the newest scores"
    return "new rows may be there" if new_rows else "the champion may change"
