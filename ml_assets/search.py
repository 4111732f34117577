"""The search for an algorithm's parameters on folds of the training rows."""

import json
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from lakehouse.errors import TidemarkError
from ml_assets.metrics import metric_direction
from ml_assets.spec.algorithm import parameter_values
from ml_assets.spec.document import ModelSpec
from ml_assets.spec.search_section import Range, Search, Space

if TYPE_CHECKING:
    import optuna

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trial:
    """One setting that was tried.

    Attributes:
        number: From 0, which is the spec's own setting.
        parameters: What the search set, by name.
        values: The metric on each fold; fewer than there are where the trial did not end.
        state: How it ended. `failed` has an error; `stopped` ran out of time.
        seconds: It took.
        error: What went wrong.
    """

    number: int
    parameters: dict[str, Any]
    values: tuple[float, ...]
    state: Literal["complete", "failed", "stopped"]
    seconds: float
    error: str = ""

    @property
    def mean(self) -> float:
        """The mean over the folds; NaN where the trial did not end."""
        if self.state != "complete":
            return math.nan
        return sum(self.values) / len(self.values)


@dataclass(frozen=True)
class SearchResult:
    """All trials in their order, and the best of them."""

    metric: str
    trials: tuple[Trial, ...]
    best: Trial

    def to_json(self) -> str:
        """The trials as JSON, for the record."""
        rows = [
            {
                "trial": trial.number,
                "state": trial.state,
                self.metric: None if math.isnan(trial.mean) else trial.mean,
                "folds": list(trial.values),
                "parameters": trial.parameters,
                "seconds": round(trial.seconds, 3),
                "error": trial.error,
            }
            for trial in self.trials
        ]
        return json.dumps({"best": self.best.number, "trials": rows}, indent=1, default=str)


def search_parameters(
    spec: ModelSpec, metric_on_fold: Callable[[ModelSpec, int], float], *, folds: int
) -> SearchResult:
    """The trials of a search over the spec's space, and the best by the gate's metric.

    The spec's own parameters are tried first, without regard to the time, so that a search ends
    with something and never with what is worse on the folds. The rest are proposed by the
    tree-structured Parzen estimator (Bergstra, Bardenet, Bengio and Kegl, "Algorithms for
    Hyper-Parameter Optimization", Advances in Neural Information Processing Systems 24, 2011), as
    Optuna has it. With the same seed they are the same, unless the time runs out.

    Args:
        spec: With a section `search`.
        metric_on_fold: The gate's metric of a spec's model on a fold, 0 and up.
        folds: How many there are.

    Raises:
        TidemarkError: Every trial failed.
    """
    search = _required(spec)
    deadline = time.monotonic() + search.seconds
    sampler = _Sampler(
        search, seed=spec.seed, higher=metric_direction(spec.gate.metric) == "higher"
    )
    declared = {name: parameter_values(spec.algorithm).get(name) for name in search.parameters}
    known = {name: value for name, value in declared.items() if value is not None}
    trials = [_trial(0, spec, known, metric_on_fold, folds=folds, deadline=math.inf)]
    sampler.learn(trials[0])
    while len(trials) < search.trials and time.monotonic() < deadline:
        parameters = sampler.propose()
        trial = _repeated(trials, parameters) or _trial(
            len(trials), spec, parameters, metric_on_fold, folds=folds, deadline=deadline
        )
        trials.append(trial)
        sampler.learn(trial)
        _log.info(
            "%s: trial %d of %d: %s %s", spec.name, len(trials), search.trials,
            f"{spec.gate.metric} {trial.mean:.4f}" if trial.state == "complete" else trial.state,
            parameters,
        )  # fmt: skip
    complete = [trial for trial in trials if trial.state == "complete"]
    if not complete:
        raise TidemarkError(
            f"{spec.name}: none of {len(trials)} trials of the search worked. The first:"
            f" {trials[0].error}",
            hint="Correct what the error names; `search` in the spec only varies the parameters.",
        )
    sign = 1.0 if sampler.higher else -1.0
    best = max(complete, key=lambda trial: (sign * trial.mean, -trial.number))
    return SearchResult(spec.gate.metric, tuple(trials), best)


def with_parameters(spec: ModelSpec, parameters: dict[str, Any]) -> ModelSpec:
    """The spec with these parameters of its algorithm, and no search."""
    data = spec.model_dump()
    data["algorithm"]["parameters"] |= parameters
    return ModelSpec.model_validate(data | {"search": None})


class _Sampler:
    """Optuna behind three calls: it proposes settings and learns from trials."""

    def __init__(self, search: Search, *, seed: int, higher: bool) -> None:
        import optuna

        # Trials are told by the platform's own log.
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.higher = higher
        self._space = {name: _distribution(space) for name, space in search.parameters.items()}
        self._study = optuna.create_study(
            sampler=optuna.samplers.TPESampler(seed=seed),
            direction="maximize" if higher else "minimize",
        )
        self._asked: optuna.Trial | None = None

    def propose(self) -> dict[str, Any]:
        """The next setting."""
        self._asked = self._study.ask(self._space)
        return dict(self._asked.params)

    def learn(self, trial: Trial) -> None:
        """Tells how the setting did that was proposed last, or one of another origin."""
        from optuna.trial import TrialState, create_trial

        complete = trial.state == "complete"
        if self._asked is not None:
            state = TrialState.COMPLETE if complete else TrialState.FAIL
            self._study.tell(self._asked, trial.mean if complete else None, state=state)
            self._asked = None
        elif complete and self._is_inside(trial.parameters):
            self._study.add_trial(
                create_trial(params=trial.parameters, distributions=self._space, value=trial.mean)
            )

    def _is_inside(self, parameters: dict[str, Any]) -> bool:
        """Whether the setting could have been proposed."""
        return parameters.keys() == self._space.keys() and all(
            _holds(self._space[name], value) for name, value in parameters.items()
        )


def _holds(distribution: Any, value: Any) -> bool:
    choices = getattr(distribution, "choices", None)
    if choices is not None:
        return value in choices
    return bool(distribution.low <= value <= distribution.high)


def _distribution(space: Space) -> "optuna.distributions.BaseDistribution":
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if not isinstance(space, Range):
        return CategoricalDistribution(space)
    if isinstance(space.low, int) and isinstance(space.high, int):
        return IntDistribution(space.low, space.high, log=space.log)
    return FloatDistribution(space.low, space.high, log=space.log)


def _trial(
    number: int,
    spec: ModelSpec,
    parameters: dict[str, Any],
    metric_on_fold: Callable[[ModelSpec, int], float],
    *,
    folds: int,
    deadline: float,
) -> Trial:
    started, values = time.monotonic(), []
    state: Literal["complete", "failed", "stopped"] = "complete"
    error = ""
    try:
        setting = with_parameters(spec, parameters)
        for fold in range(folds):
            if time.monotonic() >= deadline:
                state = "stopped"
                break
            value = metric_on_fold(setting, fold)
            if not math.isfinite(value):
                state, error = "failed", f"{spec.gate.metric} is undefined on fold {fold + 1}"
                break
            values.append(value)
    except Exception as problem:  # noqa: BLE001 - whatever an estimator raises
        # One bad setting must not end a search; it is told in the record, and where all fail.
        _log.warning("%s: trial %d failed: %s", spec.name, number, problem, exc_info=True)
        state = "failed"
        if isinstance(problem, TidemarkError):
            error = problem.message
        else:
            error = f"{type(problem).__name__}: {problem}"
    return Trial(number, parameters, tuple(values), state, time.monotonic() - started, error)


def _repeated(trials: list[Trial], parameters: dict[str, Any]) -> Trial | None:
    """An earlier trial of the same setting under the next number: it would end the same."""
    for trial in trials:
        if trial.parameters == parameters and trial.state != "stopped":
            return Trial(len(trials), parameters, trial.values, trial.state, 0.0, trial.error)
    return None


def _required(spec: ModelSpec) -> Search:
    if spec.search is None:
        raise ValueError(f"{spec.name} has no section `search`.")
    return spec.search
