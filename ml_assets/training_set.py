"""The training set: what was known at one snapshot, split without leakage, written once."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lakehouse.code_versions import CodeVersion, record_versions
from lakehouse.connection import Lake
from lakehouse.engine import file_engine
from lakehouse.errors import TidemarkError
from lakehouse.quoting import quote_identifier as quoted
from lakehouse.scratch import scratch_folder
from lakehouse.table_columns import column_types
from ml_assets.artifacts import is_published, publish_folder
from ml_assets.feature_rows import feature_rows
from ml_assets.near_duplicates import near_duplicate_groups
from ml_assets.provenance import Provenance
from ml_assets.spec.document import ModelSpec
from ml_assets.spec.hashing import spec_hash
from ml_assets.split import Split, chance_holdout_split, time_holdout_split
from ml_assets.trained_specs import record_spec

if TYPE_CHECKING:
    import pyarrow as pa

FILE_NAME = "part-0.parquet"
TRAINING_SETS = "training_sets"  # the folder of all of them, below the artifacts
ROLE, GROUP = "_role", "_group"


@dataclass(frozen=True)
class TrainingSet:
    """A written training set: rows of one snapshot with a role each, named by its content.

    Attributes:
        path: Folder of its Parquet file (columns of the spec plus `_role` and `_group`).
        training_set_hash: SHA-256 of that file.
        train_rows, holdout_rows: Rows by role.
        excluded_rows: Hold-out rows left out because a near-duplicate is in the training rows.
        purged_rows: Training rows left out because their label was not known at the cutoff.
        cutoff: First event time that was not trained on (UTC): that of the hold-out, or just
            after the newest row where the hold-out was drawn by chance.
    """

    model: str
    path: str
    training_set_hash: str
    source_snapshot_id: int
    features_version: str
    spec_hash: str
    manifest_hash: str
    cutoff: datetime
    train_rows: int
    holdout_rows: int
    excluded_rows: int
    purged_rows: int = 0


def build_training_set(
    lake: Lake, spec: ModelSpec, *, artifact_path: str, provenance: Provenance, now: datetime
) -> TrainingSet:
    """Builds, writes and records the training set of the lake as it is now.

    Point-in-time: only rows whose label was known at `now` (event time plus label delay). The
    same rows give the same hash, and then the files that are there are used.

    Raises:
        TidemarkError: No labelled rows, or one side of the split would be empty.
    """
    snapshot_id = lake.snapshot_id()
    table = labelled_rows(lake, spec, snapshot_id=snapshot_id, now=now)
    if table.num_rows == 0:
        raise TidemarkError(
            f"{spec.name}: marts.{spec.table} has no labelled row up to {now:%Y-%m-%d %H:%M} UTC.",
            hint="Land files and run again; `tidemark status` shows what has been loaded.",
        )
    split, groups = split_rows(table, spec)
    with scratch_folder(lake.config.scratch_folder) as folder:
        content_hash = _write(table, split, groups, folder / FILE_NAME)
        path = f"{artifact_path}/{TRAINING_SETS}/{spec.name}/{content_hash}"
        publish_folder(folder, path, lake.config.s3)
    built = TrainingSet(
        model=spec.name,
        path=path,
        training_set_hash=content_hash,
        source_snapshot_id=snapshot_id,
        features_version=provenance.features_version,
        spec_hash=spec_hash(spec),
        manifest_hash=provenance.manifest_hash,
        cutoff=_utc(split.cutoff),
        train_rows=split.n_train,
        holdout_rows=split.n_holdout,
        excluded_rows=split.n_excluded,
        purged_rows=split.n_purged,
    )
    _record(lake, built, spec, provenance, columns=table.column_names, now=now)
    return built


def count_labelled(lake: Lake, spec: ModelSpec, *, now: datetime) -> int:
    """Rows whose label was known at `now`; 0 as long as dbt has not made the table."""
    if not column_types(lake, "marts", spec.table):
        return 0
    rows = lake.rows(
        f"select count(*) from {feature_rows(spec)} where {_labelled(spec)}",  # noqa: S608
        [spec.label.delay_days, now],
    )
    return int(rows[0][0])


def split_rows(table: "pa.Table", spec: ModelSpec) -> tuple[Split, NDArray[np.int64]]:
    """The role and the near-duplicate group of each row."""
    event_time = (
        table.column(spec.event_time).to_numpy(zero_copy_only=False).astype("datetime64[us]")
    )
    near = spec.split.near_duplicates
    if near is None:
        groups = np.arange(table.num_rows, dtype=np.int64)
    else:
        texts = [
            " ".join(part or "" for part in parts)
            for parts in zip(
                *(table.column(name).to_pylist() for name in near.columns), strict=True
            )
        ]
        groups = near_duplicate_groups(texts, similarity=near.similarity, seed=spec.seed)
    if spec.split.by == "chance":
        share, seed = spec.split.holdout, spec.seed
        return chance_holdout_split(event_time, groups, holdout=share, seed=seed), groups
    split = time_holdout_split(
        event_time,
        groups,
        holdout=spec.split.holdout,
        delay_days=spec.label.delay_days,
        horizon=0 if spec.forecast is None else spec.forecast.horizon,
    )
    return split, groups


def read_training_set(lake: Lake, path: str, *, role: str | None = None) -> "pa.Table":
    """The rows of a written training set, in its order; of one role if asked."""
    with file_engine(lake.config) as engine:
        condition = "" if role is None else f"where {quoted(ROLE)} = $role"
        parameters = {"file": f"{path}/{FILE_NAME}"} | ({} if role is None else {"role": role})
        return engine.execute(
            f"from read_parquet($file, hive_partitioning => false) {condition}",
            parameters,
        ).to_arrow_table()


def newest_training_set(lake: Lake, model: str, *, run_id: str | None = None) -> TrainingSet | None:
    """The training set that was built last for the model; the run's own, where it built one."""
    rows = lake.rows(
        "select model, path, training_set_hash, source_snapshot_id, features_version, spec_hash,"
        " manifest_hash, cutoff, train_rows, holdout_rows, excluded_rows, coalesce(purged_rows, 0)"
        " from lake.ml.training_sets where model = ?"
        " order by run_id is not distinct from ? desc, created_at desc limit 1",
        [model, run_id],
    )
    return TrainingSet(*rows[0]) if rows else None


def spec_columns(spec: ModelSpec) -> list[str]:
    """The columns that a spec reads, each once, key first."""
    columns = [
        spec.entity_key,
        spec.event_time,
        spec.label.column,
        *spec.features.text,
        *spec.features.categorical,
        *spec.features.numeric,
        *spec.segments,
        *spec.rows,
        *((spec.forecast.anchor,) if spec.forecast else ()),
        *((spec.intervals.scale,) if spec.intervals.scale else ()),
        *(spec.split.near_duplicates.columns if spec.split.near_duplicates else ()),
    ]
    return list(dict.fromkeys(columns))


def _labelled(spec: ModelSpec) -> str:
    """The condition that a row's label is known; takes the delay in days and the present."""
    label, event_time = quoted(spec.label.column), quoted(spec.event_time)
    return f"{label} is not null and {event_time} + to_days(?) <= ?"


def labelled_rows(lake: Lake, spec: ModelSpec, *, snapshot_id: int, now: datetime) -> "pa.Table":
    """The rows of the spec's table whose label was known at `now`, in the order of event time."""
    columns = ", ".join(quoted(name) for name in spec_columns(spec))
    event_time, key = quoted(spec.event_time), quoted(spec.entity_key)
    return lake.table(
        f"select {columns} from {feature_rows(spec, snapshot_id=snapshot_id)}"  # noqa: S608
        f" where {_labelled(spec)}"
        f" order by {event_time}, {key}",
        [spec.label.delay_days, now],
    )


def _write(table: "pa.Table", split: Split, groups: NDArray[np.int64], file: Path) -> str:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = table.append_column(ROLE, pa.array(split.role.astype(str)))
    rows = rows.append_column(GROUP, pa.array(groups))
    pq.write_table(rows, file, compression="zstd", row_group_size=100_000)
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _record(
    lake: Lake,
    built: TrainingSet,
    spec: ModelSpec,
    provenance: Provenance,
    *,
    columns: list[str],
    now: datetime,
) -> None:
    code = CodeVersion(provenance.features_version, provenance.features_parts)
    values: list[Any] = [
        built.model,
        built.training_set_hash,
        built.path,
        built.source_snapshot_id,
        built.features_version,
        built.spec_hash,
        built.manifest_hash,
        built.cutoff,
        built.train_rows,
        built.holdout_rows,
        built.excluded_rows,
        json.dumps(columns),
        now,
        provenance.run_id,
        built.purged_rows,
    ]
    with lake.write(f"training set {built.model}") as write:
        if not is_published(built.path, lake.config.s3):
            raise TidemarkError(
                f"{built.path} was removed before its row was written: a maintenance took it for"
                " abandoned.",
                hint="Run again: it is written anew.",
            )
        write.connection.execute(
            f"insert into lake.ml.training_sets values ({', '.join('?' * len(values))})",  # noqa: S608
            values,
        )
        record_spec(write.connection, spec, now=now)
        if code.parts:
            record_versions(write.connection, [code], now=now)


def _utc(moment: np.datetime64) -> datetime:
    value: datetime = moment.astype("datetime64[us]").astype(datetime)
    return value.replace(tzinfo=UTC)
