"""The challenger: fits, bundles and registers one new model version."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from lakehouse.connection import Lake
from lakehouse.scratch import scratch_folder
from ml_assets.bundle import save_bundle
from ml_assets.folds import CrossValidation
from ml_assets.gate import Verdict
from ml_assets.labels import labels_of
from ml_assets.model import FittedModel
from ml_assets.model_versions import (
    CHALLENGER,
    CHAMPION,
    ModelVersion,
    champion_version,
    record_decision,
    record_version,
)
from ml_assets.monitoring.reference import build_reference
from ml_assets.provenance import Provenance
from ml_assets.registry import Registry
from ml_assets.search import SearchResult
from ml_assets.search_plot import search_plot
from ml_assets.spec.document import ModelSpec
from ml_assets.training import fit, fit_baseline
from ml_assets.training_set import GROUP, TrainingSet, read_training_set

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class TrainedChallenger:
    """The new version with what its training showed.

    Attributes:
        version: As registered.
        train_rows: Rows fitted on (after undersampling).
        cross_validation: Over the training rows; None of classes without folds in the spec.
        parameters: Of the algorithm, as it was fitted.
        search: The settings tried, if the spec asks for a search.
    """

    version: ModelVersion
    train_rows: int
    cross_validation: CrossValidation | None
    parameters: Mapping[str, Any]
    search: SearchResult | None


def train_challenger(
    lake: Lake,
    spec: ModelSpec,
    training_set: TrainingSet,
    *,
    registry: Registry,
    provenance: Provenance,
    now: datetime,
) -> TrainedChallenger:
    """Fits the spec's algorithm on the training rows and registers it as challenger.

    If the model has no version yet, the baseline is registered first: it is version 1 and serves
    until something beats it.
    """
    train = read_training_set(lake, training_set.path, role="train")
    holdout = read_training_set(lake, training_set.path, role="holdout")
    label = labels_of(train, spec)
    publish = _Publisher(lake, spec, training_set, registry, provenance, now)
    if champion_version(lake, spec.name) is None:
        _start_with_baseline(publish, train, label, holdout)
    fitted = fit(spec, train, label, train.column(GROUP).to_numpy())
    version = publish.version(
        fitted.model,
        holdout,
        fit_seconds=fitted.seconds,
        folds=fitted.cross_validation.by_metric() if fitted.cross_validation else {},
    )
    registry.set_alias(spec.name, CHALLENGER, version.version)
    if fitted.search is not None:
        registry.log_files(
            version.mlflow_run_id,
            "search",
            {
                "trials.json": fitted.search.to_json().encode(),
                "trials.png": search_plot(fitted.search),
            },
        )
    return TrainedChallenger(
        version, fitted.rows, fitted.cross_validation, fitted.model.parameters, fitted.search
    )


def _start_with_baseline(
    publish: "_Publisher", train: "pa.Table", label: NDArray[Any], holdout: "pa.Table"
) -> None:
    started = time.perf_counter()
    baseline = fit_baseline(publish.spec, train, label)
    seconds = time.perf_counter() - started
    version = publish.version(baseline, holdout, fit_seconds=seconds)
    reason = "The baseline is the first version: it serves until something beats it."
    record_decision(
        publish.lake,
        version,
        None,
        Verdict(promoted=True, reason=reason, criteria=()),
        now=publish.now,
        run_id=publish.provenance.run_id,
    )
    publish.registry.set_alias(publish.spec.name, CHAMPION, version.version)


@dataclass(frozen=True)
class _Publisher:
    """What every version of one training step shares."""

    lake: Lake
    spec: ModelSpec
    training_set: TrainingSet
    registry: Registry
    provenance: Provenance
    now: datetime

    def version(
        self,
        model: FittedModel,
        holdout: "pa.Table",
        *,
        fit_seconds: float,
        folds: Mapping[str, Sequence[float]] | None = None,
    ) -> ModelVersion:
        """Bundles the model and records it in MLflow and in the lake."""
        started = time.perf_counter()
        output = model.output(holdout)
        predict_seconds = time.perf_counter() - started
        reference = build_reference(
            self.lake,
            self.spec,
            training_set_path=self.training_set.path,
            holdout_output=output,
            holdout_cutoff=self.training_set.cutoff,
        )
        with scratch_folder(self.lake.config.scratch_folder) as folder:
            bundle = folder / "bundle"
            bundle_hash = save_bundle(model, bundle, reference=reference)
            logged = self.registry.log_version(
                self.spec.name,
                bundle,
                parameters=self._parameters(model),
                metrics={
                    "fit_seconds": fit_seconds,
                    "predict_seconds": predict_seconds,
                    "train_rows": float(self.training_set.train_rows),
                },
                tags=self._tags(bundle_hash),
                series={f"fold_{name}": values for name, values in (folds or {}).items()},
            )
        version = ModelVersion(
            model=self.spec.name,
            version=logged.version,
            algorithm=model.algorithm,
            bundle_path=logged.bundle_path,
            bundle_hash=bundle_hash,
            mlflow_run_id=logged.mlflow_run_id,
            training_set_hash=self.training_set.training_set_hash,
            features_version=self.training_set.features_version,
            spec_hash=self.training_set.spec_hash,
            manifest_hash=self.training_set.manifest_hash,
            git_revision=self.provenance.git_revision,
            source_snapshot_id=self.training_set.source_snapshot_id,
            fit_seconds=fit_seconds,
            predict_seconds=predict_seconds,
            trained_at=self.now,
            run_id=self.provenance.run_id,
        )
        record_version(self.lake, version)
        return version

    def _parameters(self, model: FittedModel) -> dict[str, Any]:
        if model.preprocessing is None:
            return {"algorithm": model.algorithm}
        return {
            "algorithm": model.algorithm,
            "balancing": self.spec.balancing.method,
            "seed": self.spec.seed,
            **({} if model.estimator is None else {"class": model.estimator.class_path}),
            **model.parameters,
        }

    def _tags(self, bundle_hash: str) -> dict[str, str]:
        return {
            "training_set_hash": self.training_set.training_set_hash,
            "source_snapshot_id": str(self.training_set.source_snapshot_id),
            "features_version": self.training_set.features_version,
            "spec_hash": self.training_set.spec_hash,
            "dbt_manifest_hash": self.training_set.manifest_hash,
            "git_revision": self.provenance.git_revision,
            "dagster_run_id": self.provenance.run_id,
            "bundle_hash": bundle_hash,
        }
