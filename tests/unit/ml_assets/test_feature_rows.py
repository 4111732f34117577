import duckdb
import pytest

from ml_assets.feature_rows import feature_rows
from ml_assets.spec.loading import parse_spec

SPEC = """\
name: m
task: classification
table: t
entity_key: id
event_time: at
label: {column: good, classes: [0, 1]}
features: {numeric: [words]}
algorithm: {name: lightgbm}
"""


@pytest.fixture
def engine():
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as lake")
        connection.execute("create schema lake.marts")
        connection.execute(
            "create table lake.marts.t as from (values (1, 'a', 1), (2, 'it''s', 2), (3, null, 2))"
            " as rows(id, kind, size)"
        )
        yield connection


def _ids(engine, rows):
    spec = parse_spec(f"{SPEC}{rows}\n", "x.yaml").spec
    return [row[0] for row in engine.execute(f"select id from {feature_rows(spec)}").fetchall()]


def test_a_spec_without_rows_takes_all(engine):
    assert _ids(engine, "") == [1, 2, 3]


def test_values_of_a_column_are_alternatives_and_columns_all_hold(engine):
    assert _ids(engine, "rows: {kind: [a, it's]}") == [1, 2]
    assert _ids(engine, "rows: {kind: [a, it's], size: [2, 3]}") == [2]


def test_values_are_literals_whatever_stands_in_them(engine):
    assert _ids(engine, """rows: {kind: ["x') or ('' = '"]}""") == []


def test_a_snapshot_is_asked_for_by_its_number():
    spec = parse_spec(SPEC, "x.yaml").spec
    assert feature_rows(spec, snapshot_id=7) == '(from lake.marts."t" at (version => 7))'
