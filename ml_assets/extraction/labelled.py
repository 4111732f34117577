"""The labelled rows of an extraction, and what versions find in them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lakehouse.connection import Lake
from lakehouse.errors import TidemarkError
from lakehouse.quoting import quote_identifier as quoted
from ml_assets.artifacts import local_folder
from ml_assets.extraction.declaration import load_extractor
from ml_assets.extraction.extractor import Extractor, values_by_field
from ml_assets.extraction.quality import COUNTS, row_counts, with_all
from ml_assets.extraction.values import date_of, number_of, number_text
from ml_assets.feature_rows import feature_rows
from ml_assets.model_versions import ModelVersion
from ml_assets.spec.extraction import ExtractionSpec
from ml_assets.spec.extraction_sections import ExtractionField

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH_ROWS = 4_096
Counts = dict[str, NDArray[np.int64]]


@dataclass(frozen=True)
class LabelledRows:
    """How many rows have a label at a snapshot, and the identity of their texts and labels."""

    rows: int
    content_hash: str
    snapshot_id: int


def labelled_rows(lake: Lake, spec: ExtractionSpec) -> LabelledRows:
    """The rows with a label in any field, as they are now; none where no field has labels."""
    snapshot_id, labels = lake.snapshot_id(), list(spec.extraction.labels.values())
    if not labels:
        return LabelledRows(0, "", snapshot_id)
    names = (spec.entity_key, *spec.extraction.columns, *labels)
    listed = ", ".join(quoted(name) for name in dict.fromkeys(names))
    count, digest = lake.rows(
        f"select count(*), bit_xor(hash({listed})) from ({_labelled(spec, snapshot_id)})"  # noqa: S608
    )[0]
    content = f"{listed}|{count}|{digest}"
    return LabelledRows(int(count), hashlib.sha256(content.encode()).hexdigest(), snapshot_id)


def count_labelled(
    lake: Lake, spec: ExtractionSpec, versions: Sequence[ModelVersion], *, snapshot_id: int
) -> list[Counts]:
    """What each version finds in the labelled rows, right, wrong and missed: by field (n, 3).

    Under `all` are the sums over the fields; a row without a label in a field has zeros there.
    """
    extractors = [_loaded(lake, version) for version in versions]
    texts = {column for extractor in extractors for column in extractor.columns}
    labels = spec.extraction.labels
    names = ", ".join(quoted(name) for name in sorted(texts | set(labels.values())))
    found: list[list[Counts]] = [[] for _ in versions]
    query = f"select {names} from ({_labelled(spec, snapshot_id)})"  # noqa: S608 - quoted names
    with lake.connection() as connection:
        batches = connection.execute(query).to_arrow_reader(_BATCH_ROWS)
        for batch in batches:
            truth = true_values(batch, spec)
            for extractor, counts in zip(extractors, found, strict=True):
                counts.append(batch_counts(extractor, batch, truth))
    return [
        with_all(
            {
                field: np.concatenate([part[field] for part in parts])
                if parts
                else np.zeros((0, COUNTS), np.int64)
                for field in labels
            }
        )
        for parts in found
    ]


def batch_counts(
    extractor: Extractor, batch: "pa.RecordBatch", truth: Mapping[str, list[list[str] | None]]
) -> Counts:
    """What the extractor finds in a batch's rows against their true values: by field (n, 3)."""
    values = [values_by_field(row) for row in extractor.mentions(extractor.texts(batch))]
    return {field: value_counts(field, values, true) for field, true in truth.items()}


def value_counts(
    field: str, found: Sequence[Mapping[str, list[str]]], true: Sequence[list[str] | None]
) -> NDArray[np.int64]:
    """The counts of one field in each row, (n, 3); zeros where the truth is not known."""
    counts = [
        (0, 0, 0) if known is None else row_counts(row.get(field, ()), known)
        for row, known in zip(found, true, strict=True)
    ]
    return np.array(counts, np.int64).reshape(len(counts), COUNTS)


def true_values(
    table: "pa.RecordBatch | pa.Table", spec: ExtractionSpec
) -> dict[str, list[list[str] | None]]:
    """The true values of each labelled field in each row; None where nobody looked.

    Raises:
        TidemarkError: A label cannot be read as its field's type.
    """
    truth = {}
    for field, column in spec.extraction.labels.items():
        declared = spec.extraction.fields[field]
        try:
            truth[field] = [_true(one, declared) for one in table.column(column).to_pylist()]
        except ValueError as error:
            raise TidemarkError(
                f"{spec.name}: the label {error} in '{column}' is no {declared.type}.",
                hint=f"Clean it in the dbt model '{spec.table}'; null stands for not labelled.",
            ) from error
    return truth


def _true(label: Any, declared: ExtractionField) -> list[str] | None:
    if label is None:
        return None
    values = label if isinstance(label, list) else [label]
    return [_normal(value, declared) for value in values if value not in (None, "")]


def _normal(value: Any, declared: ExtractionField) -> str:
    """The label as the extractor would write it."""
    if declared.type == "number":
        number = number_of(value, declared.decimal) if isinstance(value, str) else float(value)
        if number is None:
            raise ValueError(repr(value))
        return number_text(number)
    if declared.type == "date":
        if isinstance(value, datetime):
            return value.date().isoformat()
        found = value.isoformat() if isinstance(value, date) else None
        found = found or date_of(str(value), ["%Y-%m-%d", *declared.formats])
        if found is None:
            raise ValueError(repr(value))
        return found
    folds = declared.ignore_case and declared.dictionary is None
    return str(value).lower() if folds else str(value)


def _labelled(spec: ExtractionSpec, snapshot_id: int) -> str:
    known = " or ".join(f"{quoted(name)} is not null" for name in spec.extraction.labels.values())
    return f"from {feature_rows(spec, snapshot_id=snapshot_id)} where {known}"


def _loaded(lake: Lake, version: ModelVersion) -> Extractor:
    with local_folder(version.bundle_path, lake.config) as folder:
        return load_extractor(folder, expected_hash=version.bundle_hash)
