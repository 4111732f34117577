"""Jobs: what sensors, schedules and people start."""

from collections.abc import Collection, Sequence
from typing import Any

import dagster as dg

from dagster_project.catalog_asset import CATALOG_KEY
from dagster_project.concerned import accounted_by
from dagster_project.job_names import INGEST_JOB, MAINTENANCE_JOB, pull_job_name, retrain_job_name
from dagster_project.landing_assets import accounting_key, profile_key, raw_key, source_key
from dagster_project.maintenance_asset import MAINTENANCE_KEY
from dagster_project.plan import Step
from dagster_project.platform import Platform
from ml_assets.assets.keys import ExtractionKeys, ModelKeys


def jobs(platform: Platform) -> list[Any]:
    """The ingest job, a retraining job for each model, and maintenance."""
    return [
        dg.define_asset_job(
            INGEST_JOB,
            selection=dg.AssetSelection.assets(*ingest_keys(platform)),
            description="Ingests landed files, rebuilds what hangs on them, scores and monitors.",
        ),
        *(
            dg.define_asset_job(
                retrain_job_name(name),
                selection=dg.AssetSelection.assets(*retrain_keys(platform, name)),
                description=f"Trains a challenger of {name}, asks the gate, scores, monitors.",
            )
            for name in platform.good_specs
        ),
        *(
            dg.define_asset_job(
                pull_job_name(feed.name),
                selection=dg.AssetSelection.assets(source_key(feed.name)),
                description=f"Fetches what is new at {feed.name}; the files land, no more.",
            )
            for feed in platform.feeds.values()
            if feed.pulled
        ),
        dg.define_asset_job(
            MAINTENANCE_JOB,
            selection=dg.AssetSelection.assets(CATALOG_KEY, MAINTENANCE_KEY),
            description="Merges small files, expires old snapshots, deletes what nothing needs.",
        ),
    ]


def schedules(platform: Platform) -> list[dg.ScheduleDefinition]:
    """The nightly maintenance, on from the start, and the pulls as their sources declare them."""
    return [
        *(
            dg.ScheduleDefinition(
                name=pull_job_name(feed.name),
                job_name=pull_job_name(feed.name),
                cron_schedule=feed.pulled.schedule.cron,
                execution_timezone=feed.pulled.schedule.timezone,
                default_status=dg.DefaultScheduleStatus.RUNNING
                if feed.pulled.schedule.running
                else dg.DefaultScheduleStatus.STOPPED,
            )
            for feed in platform.feeds.values()
            if feed.pulled and feed.pulled.schedule
        ),
        dg.ScheduleDefinition(
            name="nightly_maintenance",
            job_name=MAINTENANCE_JOB,
            cron_schedule="30 3 * * *",
            execution_timezone="UTC",
            default_status=dg.DefaultScheduleStatus.RUNNING,
        ),
    ]


def ingest_keys(platform: Platform) -> list[dg.AssetKey]:
    """Catalog, landing, dbt and the serving side of all models."""
    keys = [CATALOG_KEY, *source_keys(platform), *dbt_keys(platform, after_scoring=False)]
    for name in platform.good_specs:
        keys += ModelKeys(name).serving
    for name in platform.extractions:
        keys += ExtractionKeys(name).serving
    return keys + dbt_keys(platform, after_scoring=True)


def retrain_keys(platform: Platform, model: str) -> list[dg.AssetKey]:
    """Training, serving and what reads the scores."""
    keys = ModelKeys(model)
    return keys.training + keys.serving + dbt_keys(platform, after_scoring=True)


def source_keys(platform: Platform, *, only: str | None = None) -> list[dg.AssetKey]:
    """Raw tables, profiles and accounting of all sources, or of one."""
    keys: list[dg.AssetKey] = []
    for source in platform.sources if only is None else [only]:
        keys += [raw_key(source), profile_key(source)]
        if source in platform.accounted_sources:
            keys.append(accounting_key(source))
    return keys


def dbt_keys(
    platform: Platform, *, after_scoring: bool, only: Collection[str] | None = None
) -> list[dg.AssetKey]:
    """The dbt models that run before scoring, or after it; of these names, where they are given."""
    return [
        dg.AssetKey([node["config"]["schema"], node["name"]])
        for node in platform.manifest["nodes"].values()
        if node["resource_type"] == "model"
        and ("after_scoring" in node["tags"]) == after_scoring
        and (only is None or node["name"] in only)
    ]


def step_keys(platform: Platform, steps: Sequence[Step]) -> list[dg.AssetKey]:
    """The assets of a plan's steps."""
    keys: list[dg.AssetKey] = []
    for step in steps:
        if step.action == "ingest":
            keys += source_keys(platform, only=step.subject)
        elif step.action == "build":
            keys += dbt_keys(platform, after_scoring=False, only=step.dbt_models)
            keys += [accounting_key(name) for name in accounted_by(platform, step.dbt_models)]
            keys.append(CATALOG_KEY)
        elif step.action == "profile":
            keys.append(profile_key(step.subject))
        elif step.action == "account":
            keys.append(accounting_key(step.subject))
        elif step.action == "publish":
            keys += dbt_keys(platform, after_scoring=True)
        elif step.action == "train":
            keys += ModelKeys(step.subject).training
        elif step.action == "extract":
            keys += ExtractionKeys(step.subject).serving
            keys += dbt_keys(platform, after_scoring=True)
        elif step.action == "maintain":
            keys += [CATALOG_KEY, MAINTENANCE_KEY]
        else:
            keys += ModelKeys(step.subject).serving + dbt_keys(platform, after_scoring=True)
    return list(dict.fromkeys(keys))
