"""The specs in Dagster: a broken one shows as such, and breaks nothing else."""

from types import SimpleNamespace

import dagster as dg
import pytest

from dagster_project.component import ModelSpecs
from dagster_project.spec_assets import spec_assets
from lakehouse.declaration.errors import SpecError
from lakehouse.declaration.folder import BrokenSpec
from ml_assets.spec.loading import parse_spec

_SPEC = """
name: stars
task: regression
table: features
entity_key: id
event_time: at
label: {column: price}
features: {numeric: [words]}
algorithm: {name: lightgbm}
"""


@pytest.fixture
def platform():
    error = SpecError("specs/bad.yaml", 3, 7, "task", "x", "'x' is not allowed.", "regression")
    return SimpleNamespace(
        good_specs={"stars": parse_spec(_SPEC, "specs/stars.yaml").spec},
        extractions={},
        broken_specs=(BrokenSpec("specs/bad.yaml", "bad", (error,)),),
        runtime=object(),
    )


def test_a_broken_spec_is_an_asset_that_fails_with_its_errors_beside_the_others(platform):
    assets = {key: one for one in spec_assets(platform) for key in one.keys}
    assert dg.AssetKey(["stars", "training_set"]) in assets
    broken = assets[dg.AssetKey(["bad", "spec"])]
    text = "specs/bad.yaml:3:7 task: 'x' is not allowed. Allowed: regression."
    assert text in broken.specs_by_key[broken.key].description
    assert broken.group_names_by_key[broken.key] == "bad"
    result = dg.materialize([broken], raise_on_error=False)
    assert not result.success
    (failure,) = result.get_step_failure_events()
    assert text in failure.step_failure_data.user_failure_data.description


def test_the_component_has_the_same_assets(platform, monkeypatch):
    monkeypatch.setattr("dagster_project.platform.load_platform", lambda: platform)
    defs = ModelSpecs().build_defs(SimpleNamespace(path=None))
    keys = {key for one in defs.assets for key in one.keys}
    assert keys == {key for one in spec_assets(platform) for key in one.keys}
    assert defs.resources["runtime"] is platform.runtime


def test_dg_finds_the_component_by_the_entry_point():
    from dagster.components.core.package_entry import get_plugin_entry_points

    (entry,) = [one for one in get_plugin_entry_points() if one.name == "tidemark"]
    assert entry.load().ModelSpecs is ModelSpecs
    assert issubclass(ModelSpecs, dg.Component)
    assert set(ModelSpecs.get_model_cls().model_fields) == {"specs"}
