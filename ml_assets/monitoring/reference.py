"""The reference of a model version: its training rows and its hold-out, as the monitors need."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from lakehouse.connection import Lake
from lakehouse.engine import file_engine
from lakehouse.quoting import quote_identifier as quoted
from ml_assets.frames import MISSING_CATEGORY, FeatureColumns
from ml_assets.labels import labels_of, target_of
from ml_assets.model import expected_value
from ml_assets.monitoring.binning import lay_bins
from ml_assets.monitoring.counting import count_bins, segment_expression, segment_name
from ml_assets.monitoring.distributions import (
    ALL,
    Distribution,
    ModelReference,
    reference_to_json,
)
from ml_assets.spec.document import ModelSpec
from ml_assets.targets.quantity_sums import POINT
from ml_assets.targets.target import metric_values
from ml_assets.training_set import FILE_NAME, ROLE, read_training_set

if TYPE_CHECKING:
    import pyarrow as pa

# Deciles of 100,000 rows are off by less than 0.2 percentiles, and cost a tenth of a million's.
_SAMPLE_ROWS = 100_000
# Segments beyond these are too many to look at, and each one makes the alarm's limit wider.
_MAX_SEGMENTS = 20
PREDICTION, CONFIDENCE, PREDICTION_VALUE = "prediction", "confidence", "prediction_value"
PREDICTED_CHANGE = "predicted_change"


def build_reference(
    lake: Lake,
    spec: ModelSpec,
    *,
    training_set_path: str,
    holdout_output: NDArray[np.float64],
    holdout_cutoff: datetime,
) -> dict[str, Any]:
    """The reference of a new model version as JSON; `reference_from_json` reads it back.

    Args:
        lake: The lake.
        spec: The model's spec.
        training_set_path: Folder of the training set.
        holdout_output: Of the model, (holdout rows, m), in the training set's order.
        holdout_cutoff: First event time of the hold-out (UTC).
    """
    with file_engine(lake.config) as engine:
        reference = reference_of(
            engine,
            spec,
            file=f"{training_set_path}/{FILE_NAME}",
            holdout=read_training_set(lake, training_set_path, role="holdout"),
            holdout_output=holdout_output,
            holdout_cutoff=holdout_cutoff,
        )
    return reference_to_json(reference)


def reference_of(
    engine: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    *,
    file: str,
    holdout: "pa.Table",
    holdout_output: NDArray[np.float64],
    holdout_cutoff: datetime,
) -> ModelReference:
    """The reference of a model out of the file of its training set.

    Args:
        engine: An engine that reads the file.
        spec: The model's spec.
        file: The training set's Parquet file.
        holdout: The rows of its hold-out.
        holdout_output: Of the model, (holdout rows, m), in the order of these rows.
        holdout_cutoff: First event time of the hold-out (UTC).
    """
    segments = _segments(engine, spec, file)
    newest = engine.execute(
        f"select max({quoted(spec.event_time)}::timestamptz)"  # noqa: S608
        " from read_parquet($file, hive_partitioning => false)",
        {"file": file},
    ).fetchall()[0][0]
    return ModelReference(
        cutoff=holdout_cutoff,
        known_until=newest.astimezone(UTC),
        segments=segments,
        features=_feature_distribution(engine, spec, file, segments),
        predictions=_prediction_distribution(engine, spec, holdout, holdout_output, segments),
        metrics=_metrics(spec, holdout, holdout_output, segments),
    )


def monitored_columns(spec: ModelSpec) -> FeatureColumns:
    """The feature columns that the spec's monitors watch."""
    watched = spec.features.columns if spec.monitors.features == "all" else spec.monitors.features
    return FeatureColumns(
        text=tuple(name for name in spec.features.text if name in watched),
        categorical=tuple(name for name in spec.features.categorical if name in watched),
        numeric=tuple(name for name in spec.features.numeric if name in watched),
    )


def _segments(
    engine: duckdb.DuckDBPyConnection, spec: ModelSpec, file: str
) -> dict[str, tuple[str, ...]]:
    """By segment column, the values with enough training rows to be judged."""
    found: dict[str, tuple[str, ...]] = {}
    for column in spec.segments:
        rows = engine.execute(
            f"select {segment_expression(column)}"  # noqa: S608
            " from read_parquet($file, hive_partitioning => false)"
            f" where {quoted(ROLE)} = 'train' group by all having count(*) >= $min_rows"
            f" order by count(*) desc, 1 limit {_MAX_SEGMENTS}",
            {"file": file, "min_rows": spec.monitors.min_rows},
        ).fetchall()
        found[column] = tuple(str(value) for (value,) in rows)
    return found


def _feature_distribution(
    engine: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    file: str,
    segments: Mapping[str, Sequence[str]],
) -> Distribution:
    rows = (
        "from read_parquet($file, hive_partitioning => false, file_row_number => true)"
        f" where {quoted(ROLE)} = 'train'"
    )
    counting = f"select count(*) from ({rows})"  # noqa: S608 - a constant condition
    total = engine.execute(counting, {"file": file}).fetchall()[0][0]
    # The file is in order of event time, so every n-th row stands for the whole period.
    step = max(1, total // _SAMPLE_ROWS)
    return _distribution(
        engine,
        monitored_columns(spec),
        rows=rows,
        sample=f"{rows} and file_row_number % {step} = 0",
        parameters={"file": file},
        segments=segments,
    )


def _prediction_distribution(
    engine: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    holdout: "pa.Table",
    output: NDArray[np.float64],
    segments: Mapping[str, Sequence[str]],
) -> Distribution:
    import pyarrow as pa

    table = holdout.select(list(spec.segments))
    columns = predicted_columns(spec, output)
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values))
    engine.register("holdout_predictions", table)
    return _distribution(
        engine,
        FeatureColumns(
            text=(),
            categorical=tuple(name for name in columns if name == PREDICTION),
            numeric=tuple(name for name in columns if name != PREDICTION),
        ),
        rows="from holdout_predictions",
        sample="from holdout_predictions",
        parameters={},
        segments=segments,
    )


def predicted_columns(spec: ModelSpec, output: NDArray[np.float64]) -> dict[str, Any]:
    """What of the predictions is watched: class, confidence and value; or the number.

    Of forecasts it is the predicted change: levels of a series that wanders always drift.
    """
    if not spec.label.classes:
        return {PREDICTED_CHANGE if spec.forecast else PREDICTION_VALUE: output[:, POINT]}
    names = np.asarray([str(value) for value in spec.label.classes])
    expected = expected_value(output, spec.label.classes)
    columns = {PREDICTION: names[output.argmax(axis=1)], CONFIDENCE: output.max(axis=1)}
    return columns if expected is None else columns | {PREDICTION_VALUE: expected}


def _distribution(
    engine: duckdb.DuckDBPyConnection,
    columns: FeatureColumns,
    *,
    rows: str,
    sample: str,
    parameters: dict[str, Any],
    segments: Mapping[str, Sequence[str]],
) -> Distribution:
    bins = lay_bins(engine, columns, rows=rows, sample=sample, parameters=parameters)
    groups = count_bins(engine, bins, rows=rows, parameters=parameters, segments=segments)
    return Distribution(
        bins=bins,
        rows={group.segment: group.rows for group in groups},
        counts={
            group.segment: tuple(feature.counts for feature in group.features) for group in groups
        },
    )


def _metrics(
    spec: ModelSpec,
    holdout: "pa.Table",
    output: NDArray[np.float64],
    segments: Mapping[str, Sequence[str]],
) -> dict[str, dict[str, float]]:
    label, target = labels_of(holdout, spec), target_of(spec)
    metrics = {}
    for name, chosen in segment_masks(holdout, segments).items():
        if chosen.any():
            metrics[name] = metric_values(target, label[chosen], output[chosen])
    return metrics


def segment_masks(
    table: "pa.Table", segments: Mapping[str, Sequence[str]]
) -> dict[str, NDArray[np.bool_]]:
    """Which rows of the table are in each segment, (n,) each; `all` first, with every row."""
    import pyarrow as pa

    masks: dict[str, NDArray[np.bool_]] = {ALL: np.ones(table.num_rows, dtype=np.bool_)}
    for column, values in segments.items():
        text = table.column(column).cast(pa.string()).fill_null(MISSING_CATEGORY)
        names = np.asarray(text.to_pylist(), dtype=np.str_)
        masks |= {segment_name(column, value): names == value for value in values}
    return masks
