"""The platform's own tables: made where missing, left alone where they are."""

import pytest

from lakehouse.connection import Lake
from lakehouse.tables import SCHEMAS, TABLES, create_tables

pytestmark = pytest.mark.integration


def _tables(lake: Lake) -> set[str]:
    rows = lake.rows(
        "select schema_name || '.' || table_name from duckdb_tables() where database_name = 'lake'"
    )
    return {row[0] for row in rows}


def test_all_tables_and_schemas_are_there(lake):
    schemas = {
        row[0]
        for row in lake.rows(
            "select schema_name from information_schema.schemata where catalog_name = 'lake'"
        )
    }
    assert set(SCHEMAS) <= schemas
    assert _tables(lake) == set(TABLES)


def test_making_them_again_writes_nothing(lake):
    before = lake.snapshot_id()
    create_tables(lake)
    assert lake.snapshot_id() == before


def test_only_what_is_missing_is_made_and_rows_stay(lake):
    with lake.write("test") as write:
        write.connection.execute(
            "insert into lake.monitoring.alarms values ('a', 'b', 'c', 'd', now(), 'e')"
        )
        write.connection.execute("drop table lake.ml.evaluations")
    create_tables(lake)
    assert _tables(lake) == set(TABLES)
    assert lake.rows("select model from lake.monitoring.alarms") == [("a",)]


def test_a_table_of_an_earlier_version_gets_its_newer_columns_once(lake):
    with lake.write("test") as write:
        write.connection.execute("alter table lake.ml.training_sets drop column purged_rows")
    create_tables(lake)
    before = lake.snapshot_id()
    create_tables(lake)
    assert lake.snapshot_id() == before
    assert lake.rows("select max(purged_rows) from lake.ml.training_sets") == [(None,)]
