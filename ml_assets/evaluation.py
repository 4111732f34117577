"""Evaluation: challenger, champion and baseline on the same hold-out rows, with intervals."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lakehouse.connection import Lake
from lakehouse.scratch import scratch_folder
from lakehouse.storage import open_storage
from ml_assets.artifacts import local_folder
from ml_assets.bootstrap import Interval, bootstrap_metrics
from ml_assets.bundle import load_bundle
from ml_assets.gate import GateEvidence
from ml_assets.labels import anchors_of, labels_of, target_of
from ml_assets.model import FittedModel
from ml_assets.model_versions import ModelVersion
from ml_assets.search import with_parameters
from ml_assets.spec.document import ModelSpec
from ml_assets.time_blocks import time_blocks
from ml_assets.training import fit, fit_baseline
from ml_assets.training_set import GROUP, TrainingSet, read_training_set

if TYPE_CHECKING:
    import pyarrow as pa

ALL = "all"
_REPLICATES = 1000
_FILE = "predictions.parquet"


@dataclass(frozen=True)
class Subject:
    """One of the compared: its output on the hold-out, (n, m), and its quality there."""

    name: str
    version: int | None
    output: NDArray[np.float64]
    intervals: dict[str, Interval]


@dataclass(frozen=True)
class Evaluation:
    """What the hold-out says.

    Attributes:
        subjects: By name: `challenger`, `baseline`, and `champion` where there is one.
        comparable: Hold-out rows that the champion has not seen either, (n,) of bool: the rows
            on which the gate compares.
        label: As the target has them, (n,).
        event_time: UTC times of the rows, (n,).
        anchor: Of a forecast, the last known value of each row, (n,); label and outputs are changes
            from it.
        without_balancing: Output of the same algorithm without the spec's balancing, to show
            its effect; None where there is no balancing.
    """

    rows: int
    subjects: dict[str, Subject]
    comparable: NDArray[np.bool_]
    label: NDArray[Any]
    event_time: NDArray[np.datetime64]
    without_balancing: NDArray[np.float64] | None
    anchor: NDArray[np.float64] | None = None


def evaluate(
    lake: Lake,
    spec: ModelSpec,
    training_set: TrainingSet,
    *,
    challenger: ModelVersion,
    champion: ModelVersion | None,
    artifact_path: str,
) -> Evaluation:
    """Compares on the training set's hold-out and keeps the predictions for the gate."""
    train = read_training_set(lake, training_set.path, role="train")
    holdout = read_training_set(lake, training_set.path, role="holdout")
    label = labels_of(holdout, spec)
    groups = holdout.column(GROUP).to_numpy()
    baseline = fit_baseline(spec, train, labels_of(train, spec))
    ours = _load(lake, challenger)
    outputs: dict[str, tuple[int | None, NDArray[np.float64]]] = {
        "challenger": (challenger.version, ours.output(holdout)),
        "baseline": (None, baseline.output(holdout)),
    }
    comparable = np.ones(holdout.num_rows, dtype=np.bool_)
    if champion is not None and champion.version != challenger.version:
        outputs["champion"] = (champion.version, _load(lake, champion).output(holdout))
        comparable = _unseen_by(lake, spec, champion, train=train, holdout=holdout)
    independent = groups
    if spec.forecast is not None:
        independent = time_blocks(len(label), horizon=spec.forecast.horizon)
    subjects = {
        name: _subject(spec, name, version, label=label, values=values, groups=independent)
        for name, (version, values) in outputs.items()
    }
    _keep(
        _predictions_path(artifact_path, challenger), lake, holdout, spec,
        label=label, comparable=comparable, subjects=subjects,
    )  # fmt: skip
    return Evaluation(
        rows=holdout.num_rows,
        subjects=subjects,
        comparable=comparable,
        label=label,
        event_time=holdout.column(spec.event_time).to_numpy(),
        without_balancing=_without_balancing(spec, ours, train, holdout),
        anchor=anchors_of(holdout, spec),
    )


def gate_evidence(
    lake: Lake, spec: ModelSpec, challenger: ModelVersion, *, artifact_path: str
) -> GateEvidence:
    """The kept hold-out predictions, as the gate takes them: comparable rows only."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    with local_folder(_predictions_path(artifact_path, challenger), lake.config) as folder:
        table = pq.read_table(folder / _FILE)
    table = table.filter(pc.field("comparable"))
    names = table.column_names

    def matrix(name: str) -> NDArray[np.float64]:
        values = np.asarray(table.column(name).combine_chunks().flatten(), dtype=np.float64)
        return values.reshape(table.num_rows, target_of(spec).outputs)

    metadata = table.schema.metadata or {}
    champion = metadata.get(b"champion_version", b"")
    return GateEvidence(
        label=table.column("label").to_numpy(),
        challenger=matrix("challenger"),
        champion=matrix("champion" if "champion" in names else "baseline"),
        baseline=matrix("baseline"),
        groups=table.column("group").to_numpy(),
        segments={
            name: np.asarray(table.column(f"segment_{name}").to_pylist(), dtype=np.str_)
            for name in spec.segments
        },
        challenger_version=challenger.version,
        champion_version=int(champion) if champion else None,
    )


def record_evaluation(
    lake: Lake,
    evaluation: Evaluation,
    challenger: ModelVersion,
    *,
    now: datetime,
    run_id: str,
) -> None:
    """Writes one row per subject and metric to `ml.evaluations`."""
    rows: list[list[Any]] = []
    for subject in evaluation.subjects.values():
        version = subject.version
        for metric, interval in subject.intervals.items():
            rows.append(
                [
                    challenger.model,
                    challenger.version,
                    subject.name,
                    version,
                    ALL,
                    metric,
                    evaluation.rows,
                    interval.estimate,
                    interval.low,
                    interval.high,
                    challenger.training_set_hash,
                    now,
                    run_id,
                ]
            )
    with lake.write(f"evaluation {challenger.model} {challenger.version}") as write:
        write.connection.executemany(
            f"insert into lake.ml.evaluations values ({', '.join('?' * len(rows[0]))})",  # noqa: S608
            rows,
        )


def _load(lake: Lake, version: ModelVersion) -> FittedModel:
    with local_folder(version.bundle_path, lake.config) as folder:
        return load_bundle(folder, expected_hash=version.bundle_hash).model


def _subject(
    spec: ModelSpec,
    name: str,
    version: int | None,
    *,
    label: NDArray[Any],
    values: NDArray[np.float64],
    groups: NDArray[np.int64],
) -> Subject:
    return Subject(
        name=name,
        version=version,
        output=values,
        intervals=bootstrap_metrics(
            label, values,
            target=target_of(spec), groups=groups,
            replicates=_REPLICATES, seed=spec.seed, confidence=spec.gate.confidence,
        ),
    )  # fmt: skip


def _unseen_by(
    lake: Lake,
    spec: ModelSpec,
    champion: ModelVersion,
    *,
    train: "pa.Table",
    holdout: "pa.Table",
) -> NDArray[np.bool_]:
    """Which hold-out rows neither stand in the champion's training rows nor nearly repeat one."""
    rows = lake.rows(
        "select path from lake.ml.training_sets where model = ? and training_set_hash = ? limit 1",
        [champion.model, champion.training_set_hash],
    )
    seen = read_training_set(lake, rows[0][0], role="train").column(spec.entity_key)
    seen_keys = set(seen.to_pylist())
    seen_groups: set[int] = set()
    for table in (train, holdout):
        keys = table.column(spec.entity_key).to_pylist()
        groups = table.column(GROUP).to_pylist()
        seen_groups.update(g for key, g in zip(keys, groups, strict=True) if key in seen_keys)
    return ~np.isin(holdout.column(GROUP).to_numpy(), list(seen_groups))


def _without_balancing(
    spec: ModelSpec, ours: FittedModel, train: "pa.Table", holdout: "pa.Table"
) -> NDArray[np.float64] | None:
    if spec.balancing.method == "none":
        return None
    # With what a search has found: only the balancing differs, and no second search is paid for.
    plain = with_parameters(spec, dict(ours.parameters)).model_copy(
        update={"balancing": spec.balancing.model_copy(update={"method": "none"})}
    )
    groups = train.column(GROUP).to_numpy()
    return fit(plain, train, labels_of(train, spec), groups).model.output(holdout)


def _predictions_path(artifact_path: str, challenger: ModelVersion) -> str:
    return f"{artifact_path}/evaluations/{challenger.model}/{challenger.version}"


def _keep(
    path: str,
    lake: Lake,
    holdout: "pa.Table",
    spec: ModelSpec,
    *,
    label: NDArray[Any],
    comparable: NDArray[np.bool_],
    subjects: Mapping[str, Subject],
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, Any] = {
        "entity_key": holdout.column(spec.entity_key),
        "label": label,
        "group": holdout.column(GROUP),
        "comparable": comparable,
    }
    for name in spec.segments:
        columns[f"segment_{name}"] = holdout.column(name).cast(pa.string()).fill_null("(missing)")
    for name, subject in subjects.items():
        columns[name] = pa.array(list(subject.output), pa.list_(pa.float64()))
    champion = subjects.get("champion")
    table = pa.table(columns).replace_schema_metadata(
        {"champion_version": str(champion.version) if champion else ""}
    )
    with scratch_folder(lake.config.scratch_folder) as folder:
        pq.write_table(table, folder / _FILE, compression="zstd")
        open_storage(path, lake.config.s3).put(folder / _FILE, _FILE)
