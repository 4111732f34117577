"""Asks whether a model should be retrained: reads the evidence, decides, records the decision."""

import hashlib
import json
from datetime import datetime

from lakehouse.connection import Lake
from ml_assets.model_versions import champion_version, newest_version
from ml_assets.monitoring.run import current_evidence
from ml_assets.retraining import RetrainingDecision, decide_retraining
from ml_assets.spec.document import ModelSpec
from ml_assets.staleness import training_state
from ml_assets.training_set import count_labelled


def consider_retraining(
    lake: Lake, spec: ModelSpec, *, features_version: str, now: datetime
) -> RetrainingDecision | None:
    """The decision on what speaks for a training now, recorded; None if it stands there already.

    Each ground is decided once: it starts at most one training, whatever asks and however often.
    What the cool-down put off is decided again when that is over.

    Args:
        lake: The lake.
        spec: The model's spec.
        features_version: Identity of the code of the spec's table, as it is now.
        now: The time (UTC).
    """
    decision = open_decision(lake, spec, features_version=features_version, now=now)
    if decision is None:
        return None
    with lake.write(f"retraining decision {spec.name}") as write:
        if _is_recorded(lake, decision, spec.name):
            # Another process has decided the same while this one waited for the lock.
            return None
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


def open_decision(
    lake: Lake, spec: ModelSpec, *, features_version: str, now: datetime
) -> RetrainingDecision | None:
    """What `consider_retraining` would decide, not recorded; None if it stands there already."""
    known, labels = _labels(lake, spec, now=now)
    if labels == 0:
        return None
    decision = _by_staleness(lake, spec, features_version)
    if decision is None:
        decision = _by_evidence(lake, spec, known=known, labels=labels, now=now)
    return None if _is_recorded(lake, decision, spec.name) else decision


def _is_recorded(lake: Lake, decision: RetrainingDecision, model: str) -> bool:
    return bool(
        lake.rows(
            "select 1 from lake.ops.retraining_decisions where model = ? and evidence_id = ?"
            " limit 1",
            [model, decision.evidence_id],
        )
    )


def _by_staleness(lake: Lake, spec: ModelSpec, features_version: str) -> RetrainingDecision | None:
    state = training_state(lake, spec, features_version)
    if state.reason_to_train is None:
        return None
    grounds = f"{spec.name}|{state.spec_hash}|{features_version}|{state.newest_version}"
    name = hashlib.sha256(grounds.encode()).hexdigest()[:16]
    return RetrainingDecision(
        retrain=True,
        reason=f"Train: {state.reason_to_train}.",
        evidence_ids=(),
        evidence_id=name,
    )


def _by_evidence(
    lake: Lake, spec: ModelSpec, *, known: int, labels: int, now: datetime
) -> RetrainingDecision:
    champion, newest = champion_version(lake, spec.name), newest_version(lake, spec.name)
    acted = lake.rows(
        "select evidence, decided_at from lake.ops.retraining_decisions"
        # The first training, and those after a change of code, are nobody's retraining.
        " where model = ? and retrain and evidence <> '[]' order by decided_at",
        [spec.name],
    )
    return decide_retraining(
        spec.retraining,
        evidence=current_evidence(lake, spec, champion) if champion else [],
        last_trained_at=newest.trained_at if newest else None,
        last_decision_retrained_at=acted[-1][1] if acted else None,
        labels_new=labels - known,
        labels_at_training=known,
        decided_evidence_ids={name for row in acted for name in json.loads(row[0])},
        now=now,
    )


def _labels(lake: Lake, spec: ModelSpec, *, now: datetime) -> tuple[int, int]:
    """Labelled rows at the last training and now."""
    then = lake.rows(
        "select train_rows + holdout_rows + excluded_rows + coalesce(purged_rows, 0)"
        " from lake.ml.training_sets where model = ? order by created_at desc limit 1",
        [spec.name],
    )
    return int(then[0][0]) if then else 0, count_labelled(lake, spec, now=now)
