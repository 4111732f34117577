"""The policies that are compared, all of them decided by the platform's own decision."""

from dataclasses import dataclass

from ml_assets.spec.document import ModelSpec
from ml_assets.spec.operating_sections import Retraining

NEVER = "never"
OF_THE_SPEC = "spec"


@dataclass(frozen=True)
class Policy:
    """A named retraining policy."""

    name: str
    retraining: Retraining


def usual_policies(spec: ModelSpec, *, every_days: int) -> dict[str, Policy]:
    """Never, at fixed intervals, on each kind of evidence alone, and the spec's own, by name.

    Those on evidence have the spec's monitors and cool-down.

    Args:
        spec: The model's spec.
        every_days: Days between trainings at fixed intervals.
    """
    own = spec.retraining
    policies = [
        Policy(NEVER, Retraining(on=())),
        Policy(
            f"every {every_days} days",
            Retraining(on=("age",), max_age_days=every_days, cool_down_days=0),
        ),
        Policy("drift", own.model_copy(update={"on": ("drift",)})),
    ]
    if spec.monitors.performance is not None:
        policies.append(Policy("performance", own.model_copy(update={"on": ("performance",)})))
    if own not in [policy.retraining for policy in policies]:
        policies.append(Policy(OF_THE_SPEC, own))
    return {policy.name: policy for policy in policies}
