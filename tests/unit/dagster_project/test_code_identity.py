"""Identity of the dbt code: it changes with what a table's rows depend on, nothing else."""

import copy

import pytest

from dagster_project.code_identity import (
    code_versions,
    project_code,
    project_parts,
    project_variables,
)
from dagster_project.code_text import normalized_sql
from lakehouse.code_versions import changes_in_words
from lakehouse.text import TEXT_FUNCTIONS

_STG = """
select clean_text(title) as title, {{ var('currency') }} as currency from {{ source('raw', 'r') }}
{% if is_incremental() %} where _load_id > {{ newest('_load_id') }} {% endif %}
"""


def _node(key: str, code: str, *parents: str, **config) -> dict:
    kind, _, name = key.split(".")
    return {
        "name": name,
        "resource_type": kind,
        "language": "sql",
        "raw_code": code,
        "checksum": {"checksum": code},
        "schema": "marts",
        "alias": name,
        "config": {"materialized": "incremental", "incremental_strategy": "supersede"} | config,
        "columns": {"a": {"data_type": "bigint", "description": "a"}},
        # dbt's list lacks what only an incremental build reaches.
        "depends_on": {"nodes": list(parents), "macros": ["macro.dbt.is_incremental"]},
    }


def _macro(key: str, code: str) -> dict:
    _, package, name = key.split(".")
    return {"name": name, "package_name": package, "macro_sql": code}


@pytest.fixture
def manifest():
    """stg <- features, stg <- other, seed <- other; a test and a source hang on them."""
    nodes = {
        "model.p.stg": _STG,
        "model.p.features": "select length(title) as a from {{ ref('stg') }}",
        "model.p.other": "select {{ halved('x') }} from {{ ref('stg') }}, {{ ref('codes') }}",
        "seed.p.codes": "a,b",
        "test.p.unique": "select 1",
    }
    parents = {
        "model.p.stg": ["source.p.raw.r"],
        "model.p.other": ["model.p.stg", "seed.p.codes"],
        "seed.p.codes": [],
    }
    macros = {
        "macro.p.newest": "{{ rounded('x') }}",
        "macro.p.rounded": "m1",
        "macro.p.halved": "{{ adapter.dispatch('quotient')() }}",
        "macro.p.duckdb__quotient": "m2",
        "macro.p.get_incremental_supersede_sql": "m3",
        "macro.p.generate_schema_name": "m4",
        "macro.p.unused": "m5",
        "macro.p.should_full_refresh": "m6",
        "macro.dbt.generate_schema_name": "d1",
        "macro.dbt.is_incremental": "d2",
        "macro.dbt.should_full_refresh": "d3",
    }
    return {
        "metadata": {"project_name": "p", "adapter_type": "duckdb"},
        "nodes": {
            key: _node(key, code, *parents.get(key, ["model.p.stg"])) for key, code in nodes.items()
        },
        "macros": {key: _macro(key, code) for key, code in macros.items()},
    }


VARIABLES = {"currency": "USD", "horizon": 5}
ALL = {"stg", "features", "other"}


def _changed(manifest, *path_and_value):
    changed = copy.deepcopy(manifest)
    *path, last, value = path_and_value
    part = changed
    for key in path:
        part = part[key]
    part[last] = value
    return changed


def _differing(manifest, other, variables=VARIABLES) -> set[str]:
    before, after = code_versions(manifest, VARIABLES), code_versions(other, variables)
    differing = {name for name in before if before[name].version != after[name].version}
    is_other = project_code(before).version != project_code(after).version
    assert is_other == bool(differing)
    return differing


@pytest.mark.parametrize(
    ("key", "field", "value", "differing"),
    [
        ("model.p.stg", "raw_code", "select 2", ALL),
        ("model.p.features", "raw_code", "select 2", {"features"}),
        ("seed.p.codes", "checksum", {"checksum": "other"}, {"other"}),
        ("test.p.unique", "raw_code", "select 2", set()),
        ("model.p.features", "alias", "features_2", {"features"}),
        ("model.p.features", "config", {"materialized": "table"}, {"features"}),
        ("model.p.features", "description", "other words", set()),
    ],
)
def test_a_change_reaches_the_models_behind_it(manifest, key, field, value, differing):
    assert _differing(manifest, _changed(manifest, "nodes", key, field, value)) == differing


@pytest.mark.parametrize(
    ("macro", "differing"),
    [
        ("macro.p.newest", ALL),
        ("macro.p.rounded", ALL),
        ("macro.p.get_incremental_supersede_sql", ALL),
        ("macro.p.halved", {"other"}),
        ("macro.p.duckdb__quotient", {"other"}),
        ("macro.p.unused", set()),
        ("macro.p.generate_schema_name", set()),
        ("macro.p.should_full_refresh", set()),
        ("macro.dbt.is_incremental", set()),
    ],
)
def test_a_macro_counts_for_the_models_that_reach_it(manifest, macro, differing):
    assert (
        _differing(manifest, _changed(manifest, "macros", macro, "macro_sql", "new")) == differing
    )


def test_a_macro_in_the_place_of_one_of_dbt_counts_for_all(manifest):
    ours = _macro("macro.p.duckdb__is_incremental", "m")
    assert _differing(manifest, _changed(manifest, "macros", "macro.p.x", ours)) == ALL


def test_tags_and_meta_do_not_count_and_a_contract_s_types_do(manifest):
    config = manifest["nodes"]["model.p.features"]["config"]
    tagged = {**config, "tags": ["x"], "meta": {"owner": "me"}, "batch_size": None}
    contracted = {**config, "contract": {"enforced": True}}
    path = ("nodes", "model.p.features", "config")
    assert _differing(manifest, _changed(manifest, *path, tagged)) == set()
    assert _differing(manifest, _changed(manifest, *path, contracted)) == {"features"}


@pytest.mark.parametrize(
    ("variables", "differing"),
    [({**VARIABLES, "currency": "MXN"}, ALL), ({**VARIABLES, "horizon": 21}, set()), ({}, ALL)],
)
def test_a_variable_counts_where_the_code_names_it(manifest, variables, differing):
    assert _differing(manifest, manifest, variables) == differing


@pytest.mark.parametrize(
    ("function", "differing"), [("clean_text", ALL), ("detect_language", set())]
)
def test_a_text_function_counts_where_the_code_calls_it(manifest, monkeypatch, function, differing):
    before = code_versions(manifest, VARIABLES)
    monkeypatch.setitem(TEXT_FUNCTIONS, function, 2)
    after = code_versions(manifest, VARIABLES)
    assert {name for name in before if before[name] != after[name]} == differing


def test_the_order_in_the_file_does_not_matter(manifest):
    turned = manifest | {"nodes": dict(reversed(manifest["nodes"].items()))}
    assert code_versions(turned, VARIABLES) == code_versions(manifest, VARIABLES)


def test_comments_and_layout_do_not_count(manifest):
    code = "-- why\n" + _STG.replace("select", "select\n   ").replace("from", "/* and */ from")
    changed = _changed(manifest, "nodes", "model.p.stg", "raw_code", code + "{# how's that #}\n")
    assert _differing(manifest, changed) == set()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("select 'a  b'", "select 'a b'"),
        ("select '--x'", "select '--y'"),
        ('select "a  b"', 'select "a b"'),
        ("select $$ -- x $$", "select $$ -- y $$"),
        (r"select e'it\'s  -- x'", r"select e'it\'s  -- y'"),
        ("-- {{ x() }}\nselect 1", "-- {{ y() }}\nselect 1"),
        ("/* {% set a = 1 %} */ select 1", "/* {% set a = 2 %} */ select 1"),
        ("-- {{ x() }}\nselect 1", "-- {{ x() }} select 1"),
        ("select 1 -- x\n, 2", "select 1 -- x , 2"),
        ("{{ x('  ') }}", "{{ x(' ') }}"),
    ],
)
def test_what_may_change_a_result_is_not_taken_for_layout(one, other):
    assert normalized_sql(one) != normalized_sql(other)


def test_a_change_is_told_by_its_parts(manifest):
    changed = _changed(manifest, "nodes", "model.p.features", "raw_code", "select 2")
    changed["macros"]["macro.p.rounded"]["macro_sql"] = "new"
    before, after = (code_versions(one, VARIABLES)["features"] for one in (manifest, changed))
    assert changes_in_words(before.parts, after.parts) == (
        "features and macro rounded changed; stg unchanged"
    )
    everything = project_parts(code_versions(manifest, VARIABLES))
    assert {"model other", "seed codes", "macro halved", "variable currency"} <= everything.keys()


def test_the_project_s_own_variables_go_before_those_for_all(tmp_path):
    text = "name: p\nvars:\n  currency: USD\n  horizon: 5\n  p: {currency: MXN}\n"
    (tmp_path / "dbt_project.yml").write_text(text)
    found = project_variables(tmp_path, "p")
    assert (found["currency"], found["horizon"]) == ("MXN", 5)
