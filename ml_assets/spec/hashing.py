"""Identity of a model spec: what of it makes the trained model what it is."""

import hashlib
import json
from typing import Any

from ml_assets.estimator_source import source_identity
from ml_assets.spec.algorithm import Estimator
from ml_assets.spec.document import ModelSpec

# These decide what happens to a trained model, not what it is.
_WITHOUT_EFFECT = frozenset(
    {"description", "gate", "scoring", "monitors", "retraining", "freshness"}
)


def spec_hash(spec: ModelSpec) -> str:
    """SHA-256 (hex) of what affects training, alike for equal specs whatever their layout.

    Description, gate, scoring, monitors, retraining and freshness have no effect on it. Where the
    spec names an estimator of one's own, the identity of its code stands behind a plus.
    """
    canonical = json.dumps(
        effective(spec), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    declared = hashlib.sha256(canonical.encode()).hexdigest()
    if isinstance(spec.algorithm, Estimator):
        return f"{declared}+{source_identity(spec.algorithm.class_path)}"
    return declared


def effective(spec: ModelSpec) -> dict[str, Any]:
    """What of the spec affects training, as plain values, defaults filled in."""
    return spec.model_dump(mode="json", exclude=set(_WITHOUT_EFFECT))


def is_other_estimator_code(one: str, other: str) -> bool:
    """Whether two hashes are of the same spec, with another code of its estimator.

    >>> is_other_estimator_code("ab+1", "ab+2"), is_other_estimator_code("ab+1", "cd+2")
    (True, False)
    """
    return one != other and one.partition("+")[0] == other.partition("+")[0]
