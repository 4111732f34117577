from types import SimpleNamespace

from dagster_project import sensor_context
from dagster_project.jobs import ingest_keys
from dagster_project.plan import ModelState, PlatformState
from ml_assets.assets.keys import ModelKeys


def test_what_landed_concerns_is_asked_for_and_nothing_is_trained(monkeypatch):
    def node(name, *tags):
        return {
            "name": name, "resource_type": "model", "config": {"schema": "marts"},
            "tags": list(tags),
        }  # fmt: skip

    nodes = [node("stars_features"), node("rates"), node("stars_scored", "after_scoring")]
    platform = SimpleNamespace(
        sources={"reviews": None, "fix": None},
        accounted_sources=("reviews",),
        manifest={"nodes": {one["name"]: one for one in nodes}},
        good_specs={"stars": None, "usd_mxn": None},
        extractions={},
    )
    state = PlatformState(
        pending={"reviews": 1, "fix": 0},
        newest_load=3,
        built_load=3,
        manifest_hash="a",
        built_manifest_hash="a",
        models=(
            ModelState("stars", "there is no trained version yet", 0, built=True),
            ModelState("usd_mxn", None, 0, built=False),
        ),
        dbt_models=("stars_features",),
    )
    monkeypatch.setattr(sensor_context, "read_state", lambda _, files: state)
    keys = sensor_context._concerned(platform, [])
    assert {key.to_user_string() for key in keys} == {
        "raw/reviews",
        "monitoring/profile_reviews",
        "ops/row_accounting_reviews",
        "marts/stars_features",
        "ops/catalog",
        *(key.to_user_string() for key in ModelKeys("stars").serving),
        "marts/stars_scored",
    }
    assert set(keys) <= set(ingest_keys(platform)), "a run's assets must be of its job"
