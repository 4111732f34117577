"""The assets of all model specs; a broken one shows as such and breaks nothing else."""

import dagster as dg

from dagster_project.platform import Platform
from ml_assets.assets.extraction import extraction_assets
from ml_assets.assets.model import broken_spec_asset, model_assets


def spec_assets(platform: Platform) -> list[dg.AssetsDefinition]:
    """Assets for each spec that fits the dbt project, and one that tells the errors for others."""
    assets: list[dg.AssetsDefinition] = []
    for spec in platform.good_specs.values():
        assets += model_assets(spec, dg.AssetKey(["marts", spec.table]))
    for extraction in platform.extractions.values():
        assets += extraction_assets(extraction, dg.AssetKey(["marts", extraction.table]))
    for broken in platform.broken_specs:
        text = "\n".join(error.render() for error in broken.errors)
        assets.append(broken_spec_asset(broken.name, broken.file, text))
    return assets
