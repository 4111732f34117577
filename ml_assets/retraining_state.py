"""Asks whether a model should be retrained: reads the evidence, decides, records the decision."""

import json
from datetime import datetime

from lakehouse.connection import Lake
from lakehouse.quoting import quote_identifier as quoted
from ml_assets.algorithms.baseline import NAME as BASELINE
from ml_assets.model_versions import champion_version, newest_version
from ml_assets.monitoring.run import current_evidence
from ml_assets.retraining import RetrainingDecision, decide_retraining
from ml_assets.spec.document import ModelSpec


def consider_retraining(lake: Lake, spec: ModelSpec, *, now: datetime) -> RetrainingDecision | None:
    """The decision on the model's present evidence, recorded; None if nothing new speaks for one.

    A piece of evidence is decided once: it starts at most one retraining, whatever asks and
    however often. Evidence that the cool-down put off is decided again when that is over.
    """
    champion, newest = champion_version(lake, spec.name), newest_version(lake, spec.name)
    if champion is None or newest is None or newest.algorithm == BASELINE:
        return None
    decided = lake.rows(
        "select evidence, retrain, decided_at, reason from lake.ops.retraining_decisions"
        " where model = ? order by decided_at",
        [spec.name],
    )
    acted = [row for row in decided if row[1]]
    labels_then, labels_now = _labels(lake, spec, newest.training_set_hash, now=now)
    decision = decide_retraining(
        spec.retraining,
        evidence=current_evidence(lake, spec, champion),
        last_trained_at=newest.trained_at,
        last_decision_retrained_at=acted[-1][2] if acted else None,
        labels_new=labels_now - labels_then,
        labels_at_training=labels_then,
        decided_evidence_ids={name for row in acted for name in json.loads(row[0])},
        now=now,
    )
    same = decided and decided[-1][3] == decision.reason
    if not decision.evidence_ids or (same and not decision.retrain):
        # Nothing speaks for it, or the answer is the one that stands there already.
        return None
    with lake.write(f"retraining decision {spec.name}") as write:
        write.connection.execute(
            "insert into lake.ops.retraining_decisions values (?, ?, ?, ?, ?, ?, ?)",
            [
                spec.name,
                decision.evidence_id,
                decision.retrain,
                decision.reason,
                json.dumps(list(decision.evidence_ids)),
                now,
                write.snapshot_id,
            ],
        )
    return decision


def _labels(
    lake: Lake, spec: ModelSpec, training_set_hash: str, *, now: datetime
) -> tuple[int, int]:
    """Labelled rows at the last training and now."""
    then = lake.rows(
        "select train_rows + holdout_rows + excluded_rows from lake.ml.training_sets"
        " where model = ? and training_set_hash = ? limit 1",
        [spec.name, training_set_hash],
    )
    known = lake.rows(
        f"select count(*) from lake.marts.{quoted(spec.table)}"  # noqa: S608 - quoted names
        f" where {quoted(spec.label.column)} is not null"
        f" and {quoted(spec.event_time)} + to_days(?) <= ?",
        [spec.label.delay_days, now],
    )
    return int(then[0][0]) if then else 0, int(known[0][0])
