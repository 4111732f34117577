"""The code location: joins landing, dbt, models and sensors; no logic of its own."""

from collections.abc import Mapping

import dagster as dg

from dagster_project.catalog_asset import catalog_asset
from dagster_project.dbt_assets import dbt_model_assets, with_freshness
from dagster_project.jobs import jobs, schedules
from dagster_project.landing_assets import raw_table_assets
from dagster_project.maintenance_asset import maintenance_asset
from dagster_project.platform import Platform, load_platform
from dagster_project.sensor_context import sensor_context
from dagster_project.source_assets import source_assets
from dagster_project.spec_assets import spec_assets
from sensors.all import all_sensors


@dg.definitions
def definitions() -> dg.Definitions:
    """All definitions of the project, for the settings of this process."""
    return build_definitions(load_platform())


def build_definitions(
    platform: Platform, *, loggers: Mapping[str, dg.LoggerDefinition] | None = None
) -> dg.Definitions:
    """All definitions for a platform.

    Args:
        platform: The platform.
        loggers: In place of Dagster's console logger.
    """
    tables = [spec.table for spec in platform.good_specs.values()]
    tables += [spec.table for spec in platform.extractions.values()]
    features = {dg.AssetKey(["marts", table]) for table in tables}
    dbt = [
        with_freshness(assets, features, warn_days=32, fail_days=45)
        for assets in dbt_model_assets(platform)
    ]
    outcomes = {
        key.path[-1]: key
        for assets in dbt
        for key in assets.keys
        if key.path[-1].endswith("_outcomes")
    }
    landing = [
        asset
        for source in platform.sources.values()
        for asset in raw_table_assets(platform, source, outcomes.get(f"int_{source.name}_outcomes"))
    ]
    return dg.Definitions(
        assets=[
            *source_assets(platform),
            *landing,
            *dbt,
            *spec_assets(platform),
            catalog_asset(platform),
            maintenance_asset(platform),
        ],
        jobs=jobs(platform),
        schedules=schedules(platform),
        sensors=all_sensors(sensor_context(platform)),
        resources={"runtime": platform.runtime},
        executor=dg.in_process_executor,
        loggers=loggers,
    )
