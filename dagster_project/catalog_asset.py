"""The lake's catalog as an asset: its check tells what is broken, and keeps maintenance away."""

import dagster as dg

from dagster_project.platform import Platform
from lakehouse.catalog_probe import probe_catalog

CATALOG_KEY = dg.AssetKey(["ops", "catalog"])
_SHOWN = 10


def catalog_asset(platform: Platform) -> dg.AssetsDefinition:
    """The catalog's state at one moment."""

    @dg.asset(
        key=CATALOG_KEY,
        group_name="operations",
        kinds={"postgres"},
        description="The lake's catalog in Postgres, probed for what crashes could break.",
        check_specs=[
            dg.AssetCheckSpec(
                "sound",
                asset=CATALOG_KEY,
                # Merging and deleting files by a damaged catalog could lose some.
                blocking=True,
                description="Snapshots, files, row ids and references of the catalog fit together.",
            )
        ],
    )
    def catalog(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        lake = platform.lake()
        faults = probe_catalog(lake.config.postgres_url.get_secret_value())
        snapshot_id = lake.snapshot_id()
        context.log.info(f"catalog at snapshot {snapshot_id:,}: {len(faults)} faults")
        shown = "; ".join(map(str, faults[:_SHOWN]))
        return dg.MaterializeResult(
            metadata={"faults": len(faults), "snapshot_id": snapshot_id},
            check_results=[
                dg.AssetCheckResult(
                    check_name="sound",
                    passed=not faults,
                    description=f"{shown}. `tidemark doctor` shows all and what to do."
                    if faults
                    else "The catalog is sound.",
                )
            ],
        )

    return catalog
