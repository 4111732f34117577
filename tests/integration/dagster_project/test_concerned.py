from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from dagster_project.concerned import accounted_by, models_to_build
from dagster_project.rebuilds import record_code
from lakehouse.code_versions import CodeVersion

pytestmark = pytest.mark.integration
CODE = {"stg_a": "1", "mart_a": "1", "stg_b": "1"}


@pytest.fixture
def platform():
    def node(name, reads, tags=()):
        return {
            "name": name,
            "resource_type": "model",
            "tags": list(tags),
            "depends_on": {"nodes": [reads]},
        }

    return SimpleNamespace(
        manifest={
            "nodes": {
                "model.p.stg_a": node("stg_a", "source.p.raw.a"),
                "model.p.mart_a": node("mart_a", "model.p.stg_a"),
                "model.p.stg_b": node("stg_b", "source.p.raw.b"),
                "model.p.published": node("published", "model.p.mart_a", ["after_scoring"]),
            },
            "sources": {"source.p.raw.a": {"name": "a"}, "source.p.raw.b": {"name": "b"}},
        },
        runtime=SimpleNamespace(code={name: CodeVersion(code, {}) for name, code in CODE.items()}),
        accounted_sources=("a", "b"),
    )


def _build(lake, code, load_id):
    with lake.write("build") as write:
        record_code(lake, write, code, built_at=datetime.now(UTC), run_id="run")
        write.connection.execute(
            "insert into lake.ops.dbt_builds values (now(), ?, 'm', 'run', ?)",
            [load_id, write.snapshot_id],
        )


def _load(lake, source, load_id):
    with lake.write("ledger") as write:
        write.connection.execute(
            "insert into lake.ops.file_ledger by name select ? as load_id, ? as source,"
            " 'b' as bucket, 'f' as file, 'e' as etag, 'h' as content_hash, 1 as bytes,"
            " 1 as lines, 1 as loaded, 0 as rejected, 'loaded' as status, now() as loaded_at,"
            " 1 as snapshot_id",
            [load_id, source],
        )


def test_what_was_never_built_is_built(platform, lake):
    assert models_to_build(platform, lake) == ("mart_a", "stg_a", "stg_b")
    _build(lake, CODE, 0)
    assert models_to_build(platform, lake) == ()


def test_what_reads_a_source_with_new_rows_is_built(platform, lake):
    _build(lake, CODE, 0)
    assert models_to_build(platform, lake, pending=["b"]) == ("stg_b",)
    _load(lake, "a", 1)
    assert models_to_build(platform, lake) == ("mart_a", "stg_a")
    _build(lake, {}, 1)
    assert models_to_build(platform, lake) == ()


def test_what_other_code_has_made_is_built(platform, lake):
    _build(lake, CODE | {"mart_a": "0"}, 0)
    assert models_to_build(platform, lake) == ("mart_a",)


def test_sources_are_accounted_for_whose_outcomes_are_built(platform):
    assert accounted_by(platform, None) == ["a", "b"]
    assert accounted_by(platform, ["stg_b", "int_b_outcomes"]) == ["b"]
