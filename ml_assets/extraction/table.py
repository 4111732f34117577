"""The table of an extraction: one row per entity and version, with all that was found in it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lakehouse.connection import Lake
from lakehouse.quoting import quote_identifier as quoted
from lakehouse.table_columns import column_types
from ml_assets.extraction.extractor import FieldMention, values_by_field
from ml_assets.feature_rows import feature_rows
from ml_assets.spec.extraction import ExtractionSpec

if TYPE_CHECKING:
    import pyarrow as pa

# `found` has the different values of each field that the row has any of; `mentions` every one of
# them with its place: characters of the column, from 0, the end not included.
_COLUMNS = """
    entity_key varchar not null, model_version integer not null, found map(varchar, varchar[]),
    mentions struct(field varchar, "value" varchar, "number" double, source_column varchar,
        span_start integer, span_end integer, surface varchar, parts map(varchar, varchar))[],
    spec_hash varchar not null, features_version varchar not null,
    snapshot_id bigint not null, scored_at timestamptz not null, run_id varchar not null"""


def extractions_table(name: str) -> str:
    """Name of the extraction's table in the schema `ml`."""
    return f"extractions_{name}"


def ensure_extractions_table(lake: Lake, name: str) -> None:
    """Creates the extraction's table where it is missing."""
    table = extractions_table(name)
    if column_types(lake, "ml", table):
        return
    with lake.write(f"create ml.{table}") as write:
        write.connection.execute(f"create table if not exists lake.ml.{quoted(table)} ({_COLUMNS})")


def not_extracted(spec: ExtractionSpec, version: int, *, rescore: bool) -> str:
    """SQL: whether a row, named `feature`, waits; for any version's values or for this one's."""
    by_version = f" and found.model_version = {version:d}" if rescore else ""
    return (
        f"not exists (from lake.ml.{quoted(extractions_table(spec.name))} as found"
        f" where found.entity_key = feature.{quoted(spec.entity_key)}::varchar{by_version})"
    )


def count_waiting(lake: Lake, spec: ExtractionSpec, version: int, *, rescore: bool) -> int:
    """Rows of the table that wait for the version."""
    return int(
        lake.rows(
            f"select count(*) from {feature_rows(spec)} as feature"  # noqa: S608
            f" where {not_extracted(spec, version, rescore=rescore)}"
        )[0][0]
    )


def extractions_schema() -> "pa.Schema":
    """The Arrow schema of the table."""
    import pyarrow as pa

    return pa.schema(
        [
            ("entity_key", pa.string()),
            ("model_version", pa.int32()),
            ("found", pa.map_(pa.string(), pa.list_(pa.string()))),
            ("mentions", pa.list_(pa.struct(_mention_fields()))),
            ("spec_hash", pa.string()),
            ("features_version", pa.string()),
            ("snapshot_id", pa.int64()),
            ("scored_at", pa.timestamp("us", "UTC")),
            ("run_id", pa.string()),
        ]
    )


def found_array(rows: Sequence[Sequence[FieldMention]]) -> "pa.Array":
    """The column `found`."""
    import pyarrow as pa

    values = [list(values_by_field(row).items()) for row in rows]
    return pa.array(values, extractions_schema().field("found").type)


def mentions_array(
    rows: Sequence[Sequence[FieldMention]], texts: dict[str, list[str | None]]
) -> "pa.Array":
    """The column `mentions`; built by columns, which is several times as fast as by rows.

    Args:
        rows: The mentions of each row, (n,).
        texts: The texts that they were found in, (n,) by column.
    """
    import numpy as np
    import pyarrow as pa

    flat = [(index, one) for index, row in enumerate(rows) for one in row]
    columns: list[list[Any]] = [
        [one.field for _, one in flat],
        [one.mention.value for _, one in flat],
        [one.mention.number for _, one in flat],
        [one.column for _, one in flat],
        [one.mention.start for _, one in flat],
        [one.mention.end for _, one in flat],
        [_surface(texts, index, one) for index, one in flat],
        [one.mention.parts for _, one in flat],
    ]
    fields = _mention_fields()
    arrays = [pa.array(values, field.type) for values, field in zip(columns, fields, strict=True)]
    offsets = np.cumsum([0, *(len(row) for row in rows)], dtype=np.int32)
    return pa.ListArray.from_arrays(
        pa.array(offsets), pa.StructArray.from_arrays(arrays, fields=fields)
    )


def _surface(texts: dict[str, list[str | None]], index: int, one: FieldMention) -> str | None:
    """What stands in the text at the mention; None for a mention of the text as a whole."""
    text = None if one.column is None else texts[one.column][index]
    return None if text is None else text[one.mention.start : one.mention.end]


def _mention_fields() -> "list[pa.Field]":
    import pyarrow as pa

    return [
        pa.field("field", pa.string()),
        pa.field("value", pa.string()),
        pa.field("number", pa.float64()),
        pa.field("source_column", pa.string()),
        pa.field("span_start", pa.int32()),
        pa.field("span_end", pa.int32()),
        pa.field("surface", pa.string()),
        pa.field("parts", pa.map_(pa.string(), pa.string())),
    ]
