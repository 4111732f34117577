"""The gate at work: judges the challenger, records the verdict, moves the alias."""

from datetime import datetime

from lakehouse.connection import Lake
from lakehouse.errors import TidemarkError
from ml_assets.gate import GateEvidence, Verdict, decide
from ml_assets.labels import target_of
from ml_assets.model_versions import CHAMPION, ModelVersion, champion_version, record_decision
from ml_assets.registry import Registry
from ml_assets.spec.document import ModelSpec


def decide_promotion(
    lake: Lake,
    spec: ModelSpec,
    challenger: ModelVersion,
    evidence: GateEvidence,
    *,
    registry: Registry,
    now: datetime,
    run_id: str,
) -> Verdict:
    """The gate's verdict, recorded in `ops.promotions`; a winner becomes champion.

    The lake's row decides who serves; MLflow's alias follows it, and is set again by the next
    promotion should the process die in between.

    Raises:
        TidemarkError: Another version has become champion since the evaluation.
    """
    champion = champion_version(lake, spec.name)
    if champion is not None and champion.version == challenger.version:
        return Verdict(
            promoted=False, reason=f"Version {champion.version} is champion already.", criteria=()
        )
    if champion is not None and champion.version != evidence.champion_version:
        raise TidemarkError(
            f"{spec.name}: version {challenger.version} was compared with version"
            f" {evidence.champion_version}, but version {champion.version} has become champion"
            " since.",
            hint=f"Run `tidemark run --retrain {spec.name}`, or the evaluation again in the UI.",
        )
    verdict = decide(
        spec.gate,
        evidence,
        target=target_of(spec),
        seed=spec.seed,
    )
    record_decision(lake, challenger, champion, verdict, now=now, run_id=run_id)
    if verdict.promoted:
        registry.set_alias(spec.name, CHAMPION, challenger.version)
    return verdict
