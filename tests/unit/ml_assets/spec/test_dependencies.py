"""A spec against its table's key and place in dbt."""

import pytest

from ml_assets.spec.dependencies import check_dependencies
from ml_assets.spec.loading import parse_spec

_SPEC = """
name: stars
task: regression
table: features
entity_key: review_id
event_time: at
label: {column: price}
features: {numeric: [words]}
algorithm: {name: lightgbm}
"""


def _model(name: str, *reads: str, tags: tuple[str, ...] = ()) -> dict:
    return {
        "name": name,
        "resource_type": "model",
        "columns": {"review_id": {}},
        "tags": list(tags),
        "depends_on": {"nodes": list(reads)},
    }


@pytest.fixture
def manifest():
    return {
        "nodes": {
            "model.p.features": _model("features", "model.p.stg"),
            "model.p.stg": _model("stg", "source.p.raw.reviews"),
            "test.p.unique": {
                "resource_type": "test",
                "test_metadata": {"name": "unique"},
                "attached_node": "model.p.features",
                "column_name": "review_id",
            },
        }
    }


_EXTRACTION = """
name: parts
task: extraction
table: features
entity_key: review_id
event_time: at
extraction: {columns: [text], fields: {language: {language: true}}}
"""


def _errors(manifest, spec: str = _SPEC) -> list[str]:
    parsed = parse_spec(spec, "stars.yaml")
    assert parsed.spec is not None, parsed.errors
    return [error.render() for error in check_dependencies(parsed.spec, manifest, parsed.source)]


def test_a_table_with_a_tested_key_over_sources_is_fine(manifest):
    assert _errors(manifest) == []


def test_a_key_that_dbt_does_not_test_is_an_error_at_its_line(manifest):
    manifest["nodes"]["test.p.unique"]["column_name"] = "other"
    (error,) = _errors(manifest)
    assert error.startswith("stars.yaml:5:13 entity_key: dbt does not test that 'review_id'")
    manifest["nodes"]["test.p.unique"] |= {
        "column_name": "review_id",
        "attached_node": "model.p.stg",
    }
    assert len(_errors(manifest)) == 1


def test_a_key_that_is_no_column_is_left_to_the_check_of_columns(manifest):
    manifest["nodes"]["model.p.features"]["columns"] = {}
    assert _errors(manifest) == []
    assert _errors({"nodes": {}}) == []


def test_a_table_that_reads_the_model_s_scores_is_a_circle(manifest):
    manifest["nodes"]["model.p.stg"]["depends_on"]["nodes"] += ["source.p.ml.scores_stars"]
    (error,) = _errors(manifest)
    assert "the scores of this very model" in error
    manifest["nodes"]["model.p.stg"]["depends_on"]["nodes"] = ["source.p.ml.scores_other"]
    assert _errors(manifest) == []


def test_a_table_behind_the_scoring_cannot_be_trained_on(manifest):
    manifest["nodes"]["model.p.stg"]["tags"] = ["after_scoring"]
    (error,) = _errors(manifest)
    assert error.startswith("stars.yaml:4:8 table: 'features' rests on stg, built after scoring")


def test_an_extraction_s_table_has_a_key_and_reads_nothing_that_comes_of_it(manifest):
    assert _errors(manifest, _EXTRACTION) == []
    manifest["nodes"]["test.p.unique"]["column_name"] = "other"
    manifest["nodes"]["model.p.stg"]["tags"] = ["after_scoring"]
    manifest["nodes"]["model.p.stg"]["depends_on"]["nodes"] += ["source.p.ml.extractions_parts"]
    key, place, circle = _errors(manifest, _EXTRACTION)
    assert "dbt does not test that 'review_id' is unique" in key
    assert "nothing can be extracted from it" in place
    assert "what this very extraction finds" in circle
