"""Whether a model must be trained before anything else: never trained, or made by other code."""

from dataclasses import dataclass

from lakehouse.code_versions import Parts, changes_in_words, parts_of
from lakehouse.connection import Lake
from ml_assets.algorithms.baseline import NAME as BASELINE
from ml_assets.model_versions import ModelVersion, newest_version
from ml_assets.spec.changes import spec_changes
from ml_assets.spec.document import ModelSpec
from ml_assets.spec.hashing import effective, is_other_estimator_code, spec_hash
from ml_assets.trained_specs import spec_as_trained

UNTRAINED = "there is no trained version yet"


@dataclass(frozen=True)
class TrainingState:
    """What the newest challenger was made from, beside what there is now.

    Attributes:
        spec_hash, features_version: As they are now.
        trained_spec_hash, trained_features_version: Of the newest challenger; None without one.
        newest_version: The newest challenger's number; None without one.
        judged: Whether the gate has judged the newest challenger.
        asked_since: Whether a retraining was decided after it was trained, of which nothing came.
        spec_changes, code_changes: What has changed since, in words; empty where nothing has, or
            where the lake does not know the former state.
    """

    spec_hash: str
    features_version: str
    trained_spec_hash: str | None
    trained_features_version: str | None
    newest_version: int | None
    judged: bool
    asked_since: bool = False
    spec_changes: str = ""
    code_changes: str = ""

    def _changed(self) -> list[str]:
        since = f"since version {self.newest_version}"
        changed = []
        if self.trained_spec_hash != self.spec_hash:
            other_code = is_other_estimator_code(self.trained_spec_hash or "", self.spec_hash)
            what = "estimator's code" if other_code else "spec"
            changed.append(_with(f"the {what} has changed {since}", self.spec_changes))
        if self.trained_features_version != self.features_version:
            changed.append(_with(f"the features' code has changed {since}", self.code_changes))
        return changed

    @property
    def reason_to_train(self) -> str | None:
        """Why the model must be trained, in words; None if it is up to date."""
        if self.newest_version is None:
            return UNTRAINED
        if changed := self._changed():
            return "; ".join(changed)
        if not self.judged:
            return (
                f"version {self.newest_version} was not judged by the gate: its run did not finish"
            )
        if self.asked_since:
            return (
                f"a retraining was decided after version {self.newest_version}: its run did not"
                " finish"
            )
        return None


def _with(reason: str, words: str) -> str:
    return f"{reason}: {words}" if words else reason


def training_state(
    lake: Lake, spec: ModelSpec, features_version: str, *, features_parts: Parts | None = None
) -> TrainingState:
    """The model's state in the lake.

    Args:
        lake: The lake.
        spec: The model's spec.
        features_version: Identity of the code of the spec's table, as it is now.
        features_parts: What that is made of; needed to tell the change in words before dbt has
            built by that code, from when on the lake knows it.
    """
    newest = newest_version(lake, spec.name)
    # A baseline alone is what a run leaves that ended between registering it and training.
    trained = newest if newest is not None and newest.algorithm != BASELINE else None
    return TrainingState(
        spec_hash=spec_hash(spec),
        features_version=features_version,
        trained_spec_hash=trained.spec_hash if trained else None,
        trained_features_version=trained.features_version if trained else None,
        newest_version=trained.version if trained else None,
        judged=trained is not None and _judged(lake, spec.name, trained.version),
        asked_since=trained is not None and _asked_since(lake, trained),
        spec_changes=_spec_changes(lake, spec, trained),
        code_changes=code_changes(lake, trained, features_version, features_parts),
    )


def _spec_changes(lake: Lake, spec: ModelSpec, trained: ModelVersion | None) -> str:
    if trained is None or trained.spec_hash == spec_hash(spec):
        return ""
    before = spec_as_trained(lake, spec.name, trained.spec_hash)
    return "" if before is None else "; ".join(spec_changes(before, effective(spec)))


def code_changes(
    lake: Lake, trained: ModelVersion | None, version: str, parts: Parts | None
) -> str:
    """What has changed in the code of the version's table, in words; empty if nothing is known."""
    if trained is None or trained.features_version == version:
        return ""
    now = parts_of(lake, version) if parts is None else parts
    return changes_in_words(parts_of(lake, trained.features_version), now)


def _asked_since(lake: Lake, trained: ModelVersion) -> bool:
    query = (
        "select 1 from lake.ops.retraining_decisions where model = ? and retrain"
        " and evidence <> '[]' and decided_at > ? limit 1"
    )
    return bool(lake.rows(query, [trained.model, trained.trained_at]))


def _judged(lake: Lake, model: str, version: int) -> bool:
    return bool(
        lake.rows(
            "select 1 from lake.ops.promotions where model = ? and to_version = ? limit 1",
            [model, version],
        )
    )
