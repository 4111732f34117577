"""What a spec's model predicts, and the labels of rows as its target has them."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lakehouse.errors import TidemarkError
from ml_assets.spec.document import ModelSpec
from ml_assets.targets.classes import ClassTarget
from ml_assets.targets.quantities import QuantityTarget
from ml_assets.targets.target import Target

if TYPE_CHECKING:
    import pyarrow as pa


def target_of(spec: ModelSpec) -> Target:
    """What the spec's model predicts."""
    if spec.task in ("classification", "ordinal"):
        return ClassTarget(spec.label.classes, ordinal=spec.task == "ordinal")
    return QuantityTarget(None if spec.forecast is None else spec.forecast.horizon)


def labels_of(table: "pa.Table", spec: ModelSpec) -> NDArray[Any]:
    """The label of each row, (n,): class indices, numbers, or changes from the anchor.

    Raises:
        TidemarkError: A value is no class, or missing, or no finite number.
    """
    if spec.label.classes:
        return _indices(table, spec)
    values = _numbers(table, spec, spec.label.column)
    anchors = anchors_of(table, spec)
    return values if anchors is None else values - anchors


def anchors_of(table: "pa.Table", spec: ModelSpec) -> NDArray[np.float64] | None:
    """The last known value of each row of a forecast, (n,); None of all else.

    Raises:
        TidemarkError: A value is missing, or no finite number.
    """
    return None if spec.forecast is None else _numbers(table, spec, spec.forecast.anchor)


def _indices(table: "pa.Table", spec: ModelSpec) -> NDArray[np.int64]:
    index = {str(value): position for position, value in enumerate(spec.label.classes)}
    labels = [str(value) for value in table.column(spec.label.column).to_pylist()]
    unknown = sorted({value for value in labels if value not in index})
    if unknown:
        raise TidemarkError(
            f"{spec.name}: label values {', '.join(unknown[:5])} of '{spec.label.column}' are not"
            f" among the classes {list(spec.label.classes)}.",
            hint="Add them to label.classes in the spec, or clean them in the dbt model.",
        )
    return np.fromiter((index[value] for value in labels), dtype=np.int64, count=len(labels))


def _numbers(table: "pa.Table", spec: ModelSpec, column: str) -> NDArray[np.float64]:
    import pyarrow as pa

    values = np.asarray(
        table.column(column).cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64
    )
    wrong = int((~np.isfinite(values)).sum())
    if wrong:
        raise TidemarkError(
            f"{spec.name}: {wrong:,} rows have no finite number in '{column}'.",
            hint=f"Leave such rows out of marts.{spec.table}, or clean them in the dbt model.",
        )
    return values
