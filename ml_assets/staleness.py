"""Whether a model must be trained before anything else: never trained, or made by other code."""

from dataclasses import dataclass

from lakehouse.connection import Lake
from ml_assets.algorithms.baseline import NAME as BASELINE
from ml_assets.model_versions import ModelVersion, newest_version
from ml_assets.spec.document import ModelSpec
from ml_assets.spec.hashing import is_other_estimator_code, spec_hash


@dataclass(frozen=True)
class TrainingState:
    """What the newest challenger was made from, beside what there is now.

    Attributes:
        spec_hash, features_version: As they are now.
        trained_spec_hash, trained_features_version: Of the newest challenger; None without one.
        newest_version: The newest challenger's number; None without one.
        judged: Whether the gate has judged the newest challenger.
        asked_since: Whether a retraining was decided after it was trained, of which nothing came.
    """

    spec_hash: str
    features_version: str
    trained_spec_hash: str | None
    trained_features_version: str | None
    newest_version: int | None
    judged: bool
    asked_since: bool = False

    @property
    def reason_to_train(self) -> str | None:
        """Why the model must be trained, in words; None if it is up to date."""
        if self.newest_version is None:
            return "there is no trained version yet"
        if self.trained_spec_hash != self.spec_hash:
            other_code = is_other_estimator_code(self.trained_spec_hash or "", self.spec_hash)
            what = "estimator's code" if other_code else "spec"
            return f"the {what} has changed since version {self.newest_version}"
        if self.trained_features_version != self.features_version:
            return f"the features' code has changed since version {self.newest_version}"
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


def training_state(lake: Lake, spec: ModelSpec, features_version: str) -> TrainingState:
    """The model's state in the lake."""
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
    )


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
