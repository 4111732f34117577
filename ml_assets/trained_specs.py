"""The specs that models were trained by, kept in the lake so that a change can be told in words."""

import json
from datetime import datetime
from typing import Any

import duckdb

from lakehouse.connection import Lake
from ml_assets.spec.document import ModelSpec
from ml_assets.spec.hashing import effective, spec_hash


def record_spec(connection: duckdb.DuckDBPyConnection, spec: ModelSpec, *, now: datetime) -> None:
    """Adds what of the spec affects training, if it is not there; inside a `Lake.write`."""
    connection.execute(
        "insert into lake.ml.specs by name select $model as model, $hash as spec_hash,"
        " $spec as spec, $now::timestamptz as recorded_at where not exists"
        " (from lake.ml.specs where model = $model and spec_hash = $hash)",
        {
            "model": spec.name,
            "hash": spec_hash(spec),
            "spec": json.dumps(effective(spec)),
            "now": now,
        },
    )


def spec_as_trained(lake: Lake, model: str, known_hash: str) -> dict[str, Any] | None:
    """What of the model's spec of that hash affects training; None if the lake does not know it."""
    rows = lake.rows(
        "select spec from lake.ml.specs where model = ? and spec_hash = ? limit 1",
        [model, known_hash],
    )
    found: dict[str, Any] | None = json.loads(rows[0][0]) if rows else None
    return found
