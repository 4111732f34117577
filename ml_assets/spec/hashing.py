"""Identity of a model spec: what of it makes the trained model what it is."""

import hashlib
import json
from typing import Any

from ml_assets.spec.document import ModelSpec

# These decide what happens to a trained model, not what it is.
_WITHOUT_EFFECT = frozenset(
    {"description", "gate", "scoring", "monitors", "retraining", "freshness"}
)


def spec_hash(spec: ModelSpec) -> str:
    """SHA-256 (hex) of what affects training, alike for equal specs whatever their layout.

    Description, gate, scoring, monitors, retraining and freshness have no effect on it.
    """
    canonical = json.dumps(
        effective(spec), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


def effective(spec: ModelSpec) -> dict[str, Any]:
    """What of the spec affects training, as plain values, defaults filled in."""
    return spec.model_dump(mode="json", exclude=set(_WITHOUT_EFFECT))
