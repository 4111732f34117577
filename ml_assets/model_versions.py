"""Model versions and which of them is champion: the lake's own record, which scoring reads.

MLflow holds the same versions and aliases for people; the lake's rows decide, because they commit
together with what depends on them.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lakehouse.connection import Lake
from ml_assets.gate import Verdict

CHAMPION, CHALLENGER = "champion", "challenger"


@dataclass(frozen=True)
class ModelVersion:
    """A trained version: where it is and what it was made from."""

    model: str
    version: int
    algorithm: str
    bundle_path: str
    bundle_hash: str
    mlflow_run_id: str
    training_set_hash: str
    features_version: str
    spec_hash: str
    manifest_hash: str
    git_revision: str
    source_snapshot_id: int
    fit_seconds: float
    predict_seconds: float
    trained_at: datetime
    run_id: str


_COLUMNS = (
    "model, model_version, algorithm, bundle_path, bundle_hash, mlflow_run_id,"
    " training_set_hash, features_version, spec_hash, manifest_hash, git_revision,"
    " source_snapshot_id, fit_seconds, predict_seconds, trained_at, run_id"
)


def record_version(lake: Lake, version: ModelVersion) -> None:
    """Adds the version to `ml.model_versions`."""
    values = list(vars(version).values())
    with lake.write(f"register {version.model} {version.version}") as write:
        write.connection.execute(
            f"insert into lake.ml.model_versions ({_COLUMNS})"  # noqa: S608
            f" values ({', '.join('?' * len(values))})",
            values,
        )


def find_version(lake: Lake, model: str, version: int) -> ModelVersion | None:
    """The version, or None."""
    return _first(lake, "where model = ? and model_version = ?", [model, version])


def newest_version(lake: Lake, model: str, *, run_id: str | None = None) -> ModelVersion | None:
    """The version that was trained last, or None; one of the run's own, where it made any.

    Two trainings of a model may run at once: each goes on with what is its own.
    """
    return _first(
        lake,
        "where model = ? order by run_id is not distinct from ? desc, model_version desc limit 1",
        [model, run_id],
    )


def champion_version(lake: Lake, model: str) -> ModelVersion | None:
    """The version in production, or None before the first one."""
    rows = lake.rows(
        "select to_version from lake.ops.promotions where model = ? and alias = ? and promoted"
        " order by snapshot_id desc, decided_at desc limit 1",
        [model, CHAMPION],
    )
    return find_version(lake, model, int(rows[0][0])) if rows else None


def record_decision(
    lake: Lake,
    candidate: ModelVersion,
    champion: ModelVersion | None,
    verdict: Verdict,
    *,
    now: datetime,
    run_id: str,
) -> None:
    """Adds the gate's verdict to `ops.promotions`; a promoted row makes the champion."""
    criteria = [vars(criterion) for criterion in verdict.criteria]
    with lake.write(f"gate {candidate.model} {candidate.version}") as write:
        write.connection.execute(
            "insert into lake.ops.promotions values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                candidate.model,
                CHAMPION,
                None if champion is None else champion.version,
                candidate.version,
                verdict.promoted,
                verdict.reason,
                json.dumps(criteria),
                candidate.training_set_hash,
                now,
                run_id,
                write.snapshot_id,
            ],
        )


def _first(lake: Lake, condition: str, parameters: list[Any]) -> ModelVersion | None:
    rows = lake.rows(
        f"select {_COLUMNS} from lake.ml.model_versions {condition}",  # noqa: S608
        parameters,
    )
    return ModelVersion(*rows[0]) if rows else None
