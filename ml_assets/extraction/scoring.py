"""Batch extraction: streams the rows that wait through the champion and appends what it finds."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakehouse.connection import Lake
from lakehouse.quoting import quote_identifier as quoted
from lakehouse.scratch import scratch_folder
from ml_assets.artifacts import local_folder
from ml_assets.extraction.declaration import load_extractor
from ml_assets.extraction.extractor import Extractor
from ml_assets.extraction.table import (
    ensure_extractions_table,
    extractions_schema,
    extractions_table,
    found_array,
    mentions_array,
    not_extracted,
)
from ml_assets.feature_rows import feature_rows
from ml_assets.model_versions import ModelVersion
from ml_assets.scoring import BATCH_ROWS, staged
from ml_assets.spec.extraction import ExtractionSpec
from ml_assets.table_committer import TableCommitter
from ml_assets.task_engine import Task, TaskEngine, TaskResult

if TYPE_CHECKING:
    import pyarrow as pa

_FUNCTION = "ml_assets.extraction.scoring:extract_task"
# Python objects of a batch: fewer rows than a model takes at once keep memory small.
_BATCH_ROWS = min(BATCH_ROWS, 4_096)


@dataclass(frozen=True)
class ExtractionResult:
    """What an extraction step did.

    Attributes:
        rows: Rows that became visible.
        mentions: Mentions found in them.
        unread: Matches of patterns whose value could not be read as the field's type.
        seconds: Of the whole step.
        snapshot_id: The lake's snapshot that was read.
    """

    rows: int
    mentions: int
    unread: int
    seconds: float
    snapshot_id: int

    @property
    def rows_per_second(self) -> float:
        """Rows per second of the whole step."""
        return self.rows / self.seconds if self.seconds > 0 else 0.0


def extract_waiting(
    lake: Lake,
    spec: ExtractionSpec,
    champion: ModelVersion,
    *,
    rescore: bool,
    engine: TaskEngine,
    run_id: str,
    now: datetime,
) -> ExtractionResult:
    """Extracts from the rows that wait and commits all at once, as scoring does.

    Args:
        lake: The lake.
        spec: The extraction's spec.
        champion: The version that extracts: by its own declaration, not by the spec's.
        rescore: Whether rows that another version has read are read again.
        engine: Where the tasks run.
        run_id: The run, for the rows' provenance.
        now: Time of the extraction (UTC).
    """
    started = time.perf_counter()
    ensure_extractions_table(lake, spec.name)
    snapshot_id = lake.snapshot_id()
    with (
        scratch_folder(lake.config.scratch_folder) as scratch,
        local_folder(champion.bundle_path, lake.config) as bundle,
    ):
        columns = load_extractor(bundle, expected_hash=champion.bundle_hash).columns
        names = ", ".join(quoted(name) for name in dict.fromkeys((spec.entity_key, *columns)))
        query = (
            f"select {names} from {feature_rows(spec, snapshot_id=snapshot_id)} as feature"  # noqa: S608
            f" where {not_extracted(spec, champion.version, rescore=rescore)}"
        )
        files = list(staged(lake, query, spec.scoring.rows_per_task, scratch))
        parameters = {
            "bundle": str(bundle),
            "bundle_hash": champion.bundle_hash,
            "entity_key": spec.entity_key,
            "model_version": champion.version,
            "spec_hash": champion.spec_hash,
            "features_version": champion.features_version,
            "snapshot_id": snapshot_id,
            "scored_at": now.isoformat(),
            "run_id": run_id,
        }
        tasks = [
            Task(f"{index:05d}", (file,), parameters, str(scratch / "out"))
            for index, (file, _) in enumerate(files)
        ]
        results = list(engine.map(_FUNCTION, tasks))
        committer = TableCommitter(lake, key=("entity_key", "model_version"))
        appended = committer.append(
            ("ml", extractions_table(spec.name)), tasks, results,
            rows=sum(count for _, count in files), run_id=run_id,
        )  # fmt: skip
    return ExtractionResult(
        rows=appended,
        mentions=int(sum(result.statistics["mentions"] for result in results)),
        unread=int(sum(result.statistics["unread"] for result in results)),
        seconds=time.perf_counter() - started,
        snapshot_id=snapshot_id,
    )


def extract_task(task: Task) -> TaskResult:
    """Extracts from the task's Parquet files batch by batch into one Parquet file."""
    import pyarrow.parquet as pq

    parameters = task.parameters
    extractor = load_extractor(Path(parameters["bundle"]), expected_hash=parameters["bundle_hash"])
    output = Path(task.output_prefix) / f"part-{task.task_id}.parquet"
    output.parent.mkdir(parents=True, exist_ok=True)
    rows, mentions, schema = 0, 0, extractions_schema()
    with pq.ParquetWriter(output, schema, compression="zstd") as writer:
        for file in task.input_files:
            for batch in pq.ParquetFile(file).iter_batches(_BATCH_ROWS):
                found = extract_batch(extractor, batch, parameters)
                writer.write_batch(found)
                rows += found.num_rows
                mentions += len(found.column("mentions").flatten())
    digest = hashlib.sha256(schema.to_string().encode()).hexdigest()
    statistics = {"mentions": float(mentions), "unread": float(extractor.unread)}
    return TaskResult(task.task_id, (str(output),), rows, digest, statistics)


def extract_batch(
    extractor: Extractor, batch: "pa.RecordBatch", provenance: Mapping[str, Any]
) -> "pa.RecordBatch":
    """What is found in a batch of rows, in its order, with its provenance."""
    import pyarrow as pa

    n = batch.num_rows
    texts = extractor.texts(batch)
    rows = extractor.mentions(texts)
    scored_at = datetime.fromisoformat(provenance["scored_at"])
    columns = [
        batch.column(provenance["entity_key"]).cast(pa.string()),
        pa.repeat(pa.scalar(provenance["model_version"], pa.int32()), n),
        found_array(rows),
        mentions_array(rows, texts),
        pa.repeat(pa.scalar(provenance["spec_hash"]), n),
        pa.repeat(pa.scalar(provenance["features_version"]), n),
        pa.repeat(pa.scalar(provenance["snapshot_id"], pa.int64()), n),
        pa.repeat(pa.scalar(scored_at, pa.timestamp("us", "UTC")), n),
        pa.repeat(pa.scalar(provenance["run_id"]), n),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=extractions_schema())
