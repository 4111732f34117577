"""Rows of new files, and the names by which past runs of a plan's steps are found."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from dagster_project.plan import ExtractionState, PlatformState, Step
from dagster_project.preview import estimated_rows, file_ending, planned_rows, step_names
from lakehouse.landing.files import LandedFile


def _file(key: str, size: int) -> LandedFile:
    source = key.split("/", maxsplit=1)[0]
    return LandedFile(source, "/landing", key, "e", size, datetime(2026, 1, 1, tzinfo=UTC))


def test_rows_are_estimated_by_those_of_files_of_the_kind():
    files = [_file("a/1.csv", 1000), _file("a/2.csv.gz", 1000), _file("b/1.csv", 500)]
    density = {("a", ".csv"): 0.01, ("a", ".csv.gz"): 0.1, ("b", ".csv"): 0.2}
    assert estimated_rows(files, density) == {"a": 110, "b": 100}


def test_a_file_of_a_kind_not_seen_before_leaves_its_source_without_an_estimate():
    files = [_file("a/1.csv", 1000), _file("a/2.json", 1000), _file("a/3.csv", 1000)]
    assert estimated_rows(files, {("a", ".csv"): 0.01}) == {"a": None}
    assert estimated_rows([], {}) == {}


@pytest.mark.parametrize(
    ("key", "ending"), [("a/b", ""), ("a/b.gz", ".gz"), ("a/B.CSV.ZST", ".csv.zst")]
)
def test_the_ending_tells_the_packing(key, ending):
    assert file_ending(key) == ending


def test_the_names_are_those_of_the_assets_that_a_run_makes():
    dagster = pytest.importorskip("dagster")
    from ml_assets.assets.keys import ExtractionKeys, ModelKeys

    keys, extraction = ModelKeys("stars"), ExtractionKeys("stars")
    steps = {"train": keys.training, "score": keys.serving, "extract": extraction.serving}
    for action, expected in steps.items():
        names = step_names(Step(action, "stars", ""), ())
        assert names == [key.to_python_identifier() for key in expected]
    ingest = step_names(Step("ingest", "reviews", ""), ("reviews",))
    assert ingest[0] == dagster.AssetKey(["raw", "reviews"]).to_python_identifier()
    assert step_names(Step("maintain", "lake", ""), ()) == []


def test_an_extraction_reads_what_waits_and_what_is_in_new_files_of_its_sources():
    nodes = {"model.p.texts": {"name": "texts", "depends_on": {"nodes": ["source.p.raw.a"]}}}
    platform = SimpleNamespace(
        good_specs={},
        extractions={"parts": SimpleNamespace(table="texts")},
        manifest={"nodes": nodes, "sources": {"source.p.raw.a": {"name": "a"}}},
    )
    state = PlatformState(
        pending={"a": 1, "b": 1}, newest_load=1, built_load=1, manifest_hash="m",
        built_manifest_hash="m", models=(), files=(_file("a/1.csv", 10), _file("b/1.csv", 10)),
        extractions=(ExtractionState("parts", None, 7),),
    )  # fmt: skip
    step = Step("extract", "parts", "new rows may be there")
    assert planned_rows(platform, step, state, {"a": 3, "b": None}) == 10
    assert planned_rows(platform, step, state, {"a": None, "b": 3}) is None
