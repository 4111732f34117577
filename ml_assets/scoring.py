"""Batch scoring: streams the unscored rows through the champion and appends the scores."""

import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lakehouse.connection import Lake
from lakehouse.quoting import quote_identifier as quoted
from lakehouse.scratch import scratch_folder
from lakehouse.table_columns import add_missing_columns
from ml_assets.artifacts import local_folder
from ml_assets.bundle import load_bundle
from ml_assets.feature_rows import feature_rows
from ml_assets.model import FittedModel, expected_value
from ml_assets.model_versions import ModelVersion
from ml_assets.spec.document import ModelSpec
from ml_assets.table_committer import TableCommitter
from ml_assets.task_engine import Task, TaskEngine, TaskResult

if TYPE_CHECKING:
    import pyarrow as pa

_log = logging.getLogger(__name__)

# Rows per record batch through the model: bounds memory; larger batches are no faster.
BATCH_ROWS = 16_384
_FUNCTION = "ml_assets.scoring:score_task"
# `probabilities` are of classes, the interval is of quantities; `confidence` is the probability of
# the predicted class, or the share of labels that the interval is to hold.
SCORE_COLUMNS = """
    entity_key varchar not null, model_version integer not null, prediction varchar not null,
    prediction_value double, confidence double not null, probabilities double[],
    interval_low double, interval_high double,
    training_set_hash varchar not null, features_version varchar not null,
    snapshot_id bigint not null, scored_at timestamptz not null, run_id varchar not null"""

# What tables of versions before intervals lack.
_ADDED_COLUMNS = {"interval_low": "double", "interval_high": "double"}


@dataclass(frozen=True)
class ScoringResult:
    """What a scoring step did."""

    rows: int
    seconds: float
    snapshot_id: int

    @property
    def rows_per_second(self) -> float:
        """Scored rows per second of the whole step."""
        return self.rows / self.seconds if self.seconds > 0 else 0.0


def scores_table(model: str) -> str:
    """Name of the model's scores table in the schema `ml`."""
    return f"scores_{model}"


def ensure_scores_table(lake: Lake, model: str) -> None:
    """Creates the model's scores table where it is missing; brings an older one up to date."""
    name = scores_table(model)
    nullable = lake.rows(
        "select is_nullable from duckdb_columns() where database_name = 'lake'"
        " and schema_name = 'ml' and table_name = ? and column_name = 'probabilities'",
        [name],
    )
    if nullable:
        add_missing_columns(lake, {f"ml.{name}": _ADDED_COLUMNS})
        if not nullable[0][0]:
            with lake.write(f"nulls in ml.{name}") as write:
                write.connection.execute(
                    f"alter table lake.ml.{quoted(name)} alter column probabilities drop not null"
                )
        return
    with lake.write(f"create ml.{name}") as write:
        write.connection.execute(
            f"create table if not exists lake.ml.{quoted(name)} ({SCORE_COLUMNS})"
        )


def count_unscored(lake: Lake, spec: ModelSpec, version: int, *, rescore: bool) -> int:
    """Rows of the feature table that are waiting for a score."""
    return int(
        lake.rows(
            f"select count(*) from {feature_rows(spec)} as feature"  # noqa: S608
            f" where {_not_scored(spec, version, rescore=rescore)}"
        )[0][0]
    )


def score_unscored(
    lake: Lake,
    spec: ModelSpec,
    champion: ModelVersion,
    *,
    rescore: bool,
    engine: TaskEngine,
    run_id: str,
    now: datetime,
    on_progress: Callable[[int, int], None] | None = None,
) -> ScoringResult:
    """Scores what the champion has not scored and commits it at once.

    Rows are read at one snapshot, staged as immutable Parquet, scored by tasks in record batches,
    and appended in one commit: memory does not grow with the number of rows.

    Args:
        lake: The lake.
        spec: The model's spec.
        champion: The version that scores.
        rescore: Whether rows that another version has scored are scored again.
        engine: Where the tasks run.
        run_id: The run, for the scores' provenance.
        now: Time of scoring (UTC).
        on_progress: Called with rows done and rows in all after each task.
    """
    started = time.perf_counter()
    ensure_scores_table(lake, spec.name)
    snapshot_id = lake.snapshot_id()
    with scratch_folder(lake.config.scratch_folder) as scratch:
        query = _unscored_query(spec, champion, rescore=rescore, snapshot_id=snapshot_id)
        files = list(staged(lake, query, spec.scoring.rows_per_task, scratch))
        rows = sum(count for _, count in files)
        with local_folder(champion.bundle_path, lake.config) as bundle:
            parameters = {
                "bundle": str(bundle),
                "bundle_hash": champion.bundle_hash,
                "entity_key": spec.entity_key,
                "anchor": None if spec.forecast is None else spec.forecast.anchor,
                "model_version": champion.version,
                "training_set_hash": champion.training_set_hash,
                "features_version": champion.features_version,
                "snapshot_id": snapshot_id,
                "scored_at": now.isoformat(),
                "run_id": run_id,
            }
            tasks = [
                Task(f"{index:05d}", (file,), parameters, str(scratch / "out"))
                for index, (file, _) in enumerate(files)
            ]
            results = []
            for result in engine.map(_FUNCTION, tasks):
                results.append(result)
                done = sum(finished.rows for finished in results)
                _log.info("%s: %d of %d rows scored", spec.name, done, rows)
                if on_progress:
                    on_progress(done, rows)
        committer = TableCommitter(lake, key=("entity_key", "model_version"))
        appended = committer.append(
            ("ml", scores_table(spec.name)), tasks, results, rows=rows, run_id=run_id
        )
    return ScoringResult(appended, time.perf_counter() - started, snapshot_id)


def score_task(task: Task) -> TaskResult:
    """Scores the task's Parquet files batch by batch into one Parquet file."""
    import pyarrow.parquet as pq

    parameters = task.parameters
    bundle = load_bundle(Path(parameters["bundle"]), expected_hash=parameters["bundle_hash"])
    output = Path(task.output_prefix) / f"part-{task.task_id}.parquet"
    output.parent.mkdir(parents=True, exist_ok=True)
    rows, schema = 0, scores_schema()
    with pq.ParquetWriter(output, schema, compression="zstd") as writer:
        for file in task.input_files:
            for batch in pq.ParquetFile(file).iter_batches(BATCH_ROWS):
                writer.write_batch(score_batch(bundle.model, batch, parameters))
                rows += batch.num_rows
    digest = hashlib.sha256(schema.to_string().encode()).hexdigest()
    return TaskResult(task.task_id, (str(output),), rows, digest)


def score_batch(
    model: FittedModel, batch: "pa.RecordBatch", provenance: "dict[str, Any] | Any"
) -> "pa.RecordBatch":
    """The scores of a batch of feature rows, in its order, with their provenance."""
    import pyarrow as pa

    n = batch.num_rows
    columns = [
        batch.column(provenance["entity_key"]).cast(pa.string()),
        pa.repeat(pa.scalar(provenance["model_version"], pa.int32()), n),
        *(_of_classes(model, batch) if model.classes else _of_quantities(model, batch, provenance)),
        pa.repeat(pa.scalar(provenance["training_set_hash"]), n),
        pa.repeat(pa.scalar(provenance["features_version"]), n),
        pa.repeat(pa.scalar(provenance["snapshot_id"], pa.int64()), n),
        pa.repeat(
            pa.scalar(datetime.fromisoformat(provenance["scored_at"]), pa.timestamp("us", "UTC")),
            n,
        ),
        pa.repeat(pa.scalar(provenance["run_id"]), n),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=scores_schema())


def _of_classes(model: FittedModel, batch: "pa.RecordBatch") -> "list[pa.Array]":
    """Prediction, value, confidence, probabilities, and no interval."""
    import pyarrow as pa

    probabilities = model.output(batch)
    n, k = probabilities.shape
    top = probabilities.argmax(axis=1)
    names = np.asarray([str(value) for value in model.classes])
    expected = expected_value(probabilities, model.classes)
    none = pa.nulls(n, pa.float64())
    offsets = pa.array(np.arange(n + 1, dtype=np.int32) * k)
    return [
        pa.array(names[top] if n else [], pa.string()),
        none if expected is None else pa.array(expected, pa.float64()),
        pa.array(probabilities[np.arange(n), top], pa.float64()),
        pa.ListArray.from_arrays(offsets, pa.array(probabilities.ravel(), pa.float64())),
        none,
        none,
    ]


def _of_quantities(
    model: FittedModel, batch: "pa.RecordBatch", provenance: "dict[str, Any] | Any"
) -> "list[pa.Array]":
    """Prediction as text and as number, the interval's share and ends; forecasts as levels."""
    import pyarrow as pa

    output = model.output(batch)
    if provenance["anchor"] is not None:
        anchor = batch.column(provenance["anchor"]).cast(pa.float64())
        output = output + anchor.to_numpy(zero_copy_only=False)[:, None]
    point, low, high = (pa.array(column, pa.float64()) for column in output.T)
    return [
        point.cast(pa.string()),
        point,
        pa.array(np.full(batch.num_rows, model.coverage), pa.float64()),
        pa.nulls(batch.num_rows, pa.list_(pa.float64())),
        low,
        high,
    ]


def scores_schema() -> "pa.Schema":
    """The Arrow schema of a scores table."""
    import pyarrow as pa

    return pa.schema(
        [
            ("entity_key", pa.string()),
            ("model_version", pa.int32()),
            ("prediction", pa.string()),
            ("prediction_value", pa.float64()),
            ("confidence", pa.float64()),
            ("probabilities", pa.list_(pa.float64())),
            ("interval_low", pa.float64()),
            ("interval_high", pa.float64()),
            ("training_set_hash", pa.string()),
            ("features_version", pa.string()),
            ("snapshot_id", pa.int64()),
            ("scored_at", pa.timestamp("us", "UTC")),
            ("run_id", pa.string()),
        ]
    )


def _unscored_query(
    spec: ModelSpec, champion: ModelVersion, *, rescore: bool, snapshot_id: int
) -> str:
    anchor = () if spec.forecast is None else (spec.forecast.anchor,)
    scale = () if spec.intervals.scale is None else (spec.intervals.scale,)
    names = dict.fromkeys((spec.entity_key, *anchor, *scale, *spec.features.columns))
    columns = ", ".join(quoted(name) for name in names)
    waiting = _not_scored(spec, champion.version, rescore=rescore)
    return (
        f"select {columns} from {feature_rows(spec, snapshot_id=snapshot_id)} as feature"  # noqa: S608
        f" where {waiting}"
    )


def staged(lake: Lake, query: str, rows_per_file: int, scratch: Path) -> Iterator[tuple[str, int]]:
    """Parquet files of the query's rows, each with its number of rows."""
    import pyarrow.parquet as pq

    with lake.connection() as connection:
        reader = connection.execute(query).to_arrow_reader(BATCH_ROWS)
        writer: pq.ParquetWriter | None = None
        file, rows, index = scratch, 0, 0
        for batch in reader:
            if writer is None:
                file = scratch / f"in-{index:05d}.parquet"
                writer = pq.ParquetWriter(file, reader.schema, compression="lz4")
            writer.write_batch(batch)
            rows += batch.num_rows
            if rows >= rows_per_file:
                writer.close()
                yield str(file), rows
                writer, rows, index = None, 0, index + 1
        if writer is not None:
            writer.close()
            yield str(file), rows


def _not_scored(spec: ModelSpec, version: int, *, rescore: bool) -> str:
    by_version = f" and score.model_version = {version:d}" if rescore else ""
    return (
        f"not exists (from lake.ml.{quoted(scores_table(spec.name))} as score"
        f" where score.entity_key = feature.{quoted(spec.entity_key)}::varchar{by_version})"
    )
