"""A rehearsal shows what writing would do, and leaves nothing of it."""

import pytest

from lakehouse.code_versions import CodeVersion, parts_of, record_versions
from lakehouse.connection import Lake
from lakehouse.tables import TABLES, create_tables

pytestmark = pytest.mark.integration


def _tables(lake: Lake) -> int:
    query = "select count(*) from duckdb_tables() where database_name = 'lake'"
    return lake.rows(query)[0][0]


def test_what_is_written_in_a_rehearsal_is_seen_there_and_nowhere_else(lake_config):
    lake, other = Lake(lake_config), Lake(lake_config)
    snapshot = lake.snapshot_id()
    with lake.rehearsal():
        create_tables(lake)
        assert _tables(lake) == len(TABLES)
        assert _tables(other) == 0
    for one in (lake, other):
        assert (_tables(one), one.snapshot_id()) == (0, snapshot)
        one.close()


def test_after_a_rehearsal_that_failed_writing_commits_as_ever(lake):
    with pytest.raises(ZeroDivisionError), lake.rehearsal():
        raise ZeroDivisionError
    with lake.write("test") as write:
        write.connection.execute("create table lake.marts.kept as select 1 as n")
    assert lake.rows("select n from lake.marts.kept") == [(1,)]


def test_a_lake_that_is_not_there_is_not_made_where_that_is_not_asked_for(lake_config):
    absent = Lake(lake_config, create=False)
    with pytest.raises(Exception, match="does not exist"), absent.rehearsal():
        pytest.fail("there was a lake")
    made = Lake(lake_config)
    assert made.snapshot_id() == 0
    with absent.rehearsal():
        assert _tables(absent) == 0
    made.close()
    absent.close()


def test_a_version_of_code_is_recorded_once_with_its_parts(lake):
    from datetime import UTC, datetime

    now = datetime(2026, 1, 1, tzinfo=UTC)
    version = CodeVersion.of({"model stg": "1", "macro x": "2"})
    for _ in range(2):
        with lake.write("test") as write:
            record_versions(write.connection, [version, version], now=now)
    assert lake.rows("select count(*) from lake.ops.code_versions") == [(1,)]
    assert parts_of(lake, version.version) == version.parts
    assert parts_of(lake, "unknown") is None
    assert parts_of(lake, None) is None
