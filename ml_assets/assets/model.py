"""All assets of one spec, and what stands in for a broken one."""

import dagster as dg

from ml_assets.assets.keys import ModelKeys
from ml_assets.assets.monitors import drift_asset, performance_asset
from ml_assets.assets.serving import scores_asset
from ml_assets.assets.training import (
    challenger_asset,
    champion_asset,
    evaluation_asset,
    training_set_asset,
)
from ml_assets.spec.document import ModelSpec


def model_assets(spec: ModelSpec, table_key: dg.AssetKey) -> list[dg.AssetsDefinition]:
    """All assets of one model, in the group of its name.

    Args:
        spec: The model's spec.
        table_key: Asset key of the dbt model that holds its features.
    """
    keys = ModelKeys(spec.name)
    return [
        training_set_asset(spec, keys, table_key),
        challenger_asset(spec, keys),
        evaluation_asset(spec, keys),
        champion_asset(spec, keys),
        scores_asset(spec, keys, table_key),
        drift_asset(spec, keys),
        performance_asset(spec, keys),
    ]


def broken_spec_asset(name: str, file: str, errors: str) -> dg.AssetsDefinition:
    """An asset that shows a broken spec in the UI and fails with its errors when it is run."""

    @dg.asset(
        key=dg.AssetKey([name, "spec"]),
        group_name=name,
        kinds={"yaml"},
        description=f"**This spec is broken; the other models run.**\n\n```\n{errors}\n```",
        metadata={"file": file},
    )
    def broken_spec() -> None:
        raise dg.Failure(description=errors, allow_retries=False)

    return broken_spec
