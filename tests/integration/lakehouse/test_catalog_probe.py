"""The catalog probe: silent on a catalog that has lived, loud on every kind of damage."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from lakehouse.catalog_probe import probe_catalog
from lakehouse.connection import Lake
from lakehouse.maintenance import maintain

pytestmark = pytest.mark.integration


def _write(lake: Lake, *statements: str) -> None:
    with lake.write("test") as write:
        for statement in statements:
            write.connection.execute(statement)


def _url(lake: Lake) -> str:
    return lake.config.postgres_url.get_secret_value()


@pytest.fixture
def lived(lake: Lake) -> Lake:
    """A lake with files, small commits, deletions, a nested column and a dropped table."""
    _write(lake, "create table lake.raw.t (i integer, s struct(a integer, b varchar))")
    _write(lake, "insert into lake.raw.t select i, {'a': i, 'b': 'x'} from range(100) r(i)")
    _write(lake, "insert into lake.raw.t select i, {'a': i, 'b': 'y'} from range(3) r(i)")
    _write(lake, "delete from lake.raw.t where i between 50 and 90")
    _write(lake, "insert into lake.raw.t select i, {'a': i, 'b': 'z'} from range(200) r(i)")
    _write(lake, "create table lake.raw.gone as select 1 as one")
    _write(lake, "drop table lake.raw.gone")
    return lake


def test_files_that_hold_their_rows_ids_themselves_begin_nowhere(lived):
    with psycopg.connect(_url(lived)) as catalog:
        changed = catalog.execute(
            "update ducklake_data_file set row_id_start = null where end_snapshot is null"
        )
        assert changed.rowcount > 1
    assert probe_catalog(_url(lived)) == []


def test_a_catalog_that_has_lived_is_sound(lived):
    assert probe_catalog(_url(lived)) == []
    steps = (
        "update lake.raw.t set s = {'a': 0, 'b': 'u'} where i < 10",
        "insert into lake.raw.t select i, null from range(200) r(i)",
        "alter table lake.raw.t add column z integer",
        "delete from lake.raw.t where i = 5",
        # Of a file that is all deleted in two goes, the first deletions stay open.
        "insert into lake.raw.t select i, null, 1 from range(1000, 1100) r(i)",
        "delete from lake.raw.t where i between 1000 and 1080",
        "delete from lake.raw.t where i >= 1000",
        "alter table lake.raw.t rename to t2",
        "alter table lake.raw.t2 rename to t",
        "insert into lake.raw.t select i, null, 1 from range(20) r(i)",
        "alter table lake.raw.t drop column z",
        "create or replace table lake.raw.t as select * from lake.raw.t",
        "create table lake.raw.parts (i integer, p integer)",
        "alter table lake.raw.parts set partitioned by (p)",
        "insert into lake.raw.parts select i, i % 3 from range(100) r(i)",
        "merge into lake.raw.parts using (select 5 as i) as new on parts.i = new.i"
        " when matched then update set p = 9",
    )
    for number, step in enumerate(steps):
        _write(lived, step)
        assert probe_catalog(_url(lived)) == [], step
        if number % 4 == 3:
            for keep in (timedelta(days=1), timedelta(0)):
                maintain(
                    lived, now=datetime.now(UTC), keep_history=keep, orphans_after=timedelta(1)
                )
                assert probe_catalog(_url(lived)) == [], f"maintenance after {step}"


_FILE = "(select min(data_file_id) from ducklake_data_file)"
_TABLE = "(select table_id from ducklake_table where table_name = 't')"


@pytest.mark.parametrize(
    ("damage", "check", "told"),
    [
        ("insert into ducklake_snapshot select * from ducklake_snapshot order by 1 desc limit 1",
         "snapshots", "stands 2 times"),
        ("delete from ducklake_snapshot", "snapshots", "there is no snapshot"),
        ("delete from ducklake_snapshot_changes where snapshot_id = 2",
         "snapshots", "snapshot 2 has no record"),
        ("delete from ducklake_snapshot where snapshot_id ="
         " (select max(snapshot_id) from ducklake_snapshot)", "snapshots", "after the newest"),
        ("update ducklake_snapshot set next_file_id = 999 where snapshot_id = 2",
         "snapshots", "file ids up to 999"),
        (f"update ducklake_data_file set end_snapshot = 1 where data_file_id = {_FILE}",
         "lifetimes", "ends at 1"),
        (f"update ducklake_data_file set begin_snapshot = 999 where data_file_id = {_FILE}",
         "lifetimes", "begins at snapshot 999"),
        ("update ducklake_schema set end_snapshot = 999 where schema_name = 'raw'",
         "lifetimes", "ducklake_schema"),
        ("insert into ducklake_data_file select * from ducklake_data_file limit 1",
         "ids", "stands 2 times"),
        (f"update ducklake_data_file set data_file_id = 999 where data_file_id = {_FILE}",
         "ids", "file id 999 is in use"),
        ("update ducklake_snapshot set next_catalog_id = 3", "ids", "table id"),
        ("update ducklake_table set table_name = 'T' where table_name = 'file_ledger'"
         " or table_name = 'row_accounting'", "names", "t in schema"),
        ("update ducklake_schema set schema_name = 'raw' where schema_name = 'ml'",
         "names", "schema raw stands 2 times"),
        (f"update ducklake_column set column_name = 'i' where table_id = {_TABLE}"
         " and column_name = 's'", "names", "column i"),
        ("delete from ducklake_schema where schema_name = 'raw'",
         "references", "(t) is in schema"),
        (f"delete from ducklake_table where table_id = {_TABLE}",
         "references", "refers to table"),
        (f"update ducklake_table set end_snapshot = 4 where table_id = {_TABLE}",
         "references", "refers to table"),
        (f"delete from ducklake_column where table_id = {_TABLE}",
         "references", "(t) has no columns"),
        (f"delete from ducklake_column where table_id = {_TABLE} and column_name = 's'",
         "references", "is part of column"),
        ("update ducklake_data_file set mapping_id = 77", "references", "by mapping 77"),
        ("insert into ducklake_view (view_id, begin_snapshot, schema_id, view_name)"
         " values (1, 2, 98, 'v')", "references", "schema 98"),
        ("update ducklake_delete_file set data_file_id = 998",
         "deletions", "belongs to data file 998"),
        ("update ducklake_delete_file set delete_count = 1000",
         "deletions", "deletes 1000 rows"),
        ("insert into ducklake_delete_file (delete_file_id, table_id, begin_snapshot,"
         " data_file_id, path, delete_count) select 1, table_id, begin_snapshot, data_file_id,"
         " 'other', 1 from ducklake_delete_file", "deletions", "2 delete files at once"),
        ("update ducklake_data_file set path = 'same'", "paths", "same of table"),
        ("update ducklake_data_file set row_id_start = 50 where end_snapshot is null",
         "row ids", "begin at row 50"),
        ("update ducklake_table_stats set next_row_id = 10", "row ids", "would begin at 10"),
        ("do $$ begin execute (select format('drop table %I', min(table_name))"
         " from ducklake_inlined_data_tables); end $$", "inlined tables", "is not there"),
        (f"update ducklake_table_stats set record_count = 250 where table_id = {_TABLE}",
         "counts", "of 250 that were ever inserted"),
    ],
)  # fmt: skip
def test_each_damage_is_found_and_named(lived, damage, check, told):
    lived.close()
    with psycopg.connect(_url(lived)) as connection:
        # What the constraints of the present version refuse, an earlier one let through.
        for table, name in connection.execute(
            "select conrelid::regclass::text, conname from pg_constraint where contype = 'p'"
            " and connamespace = 'public'::regnamespace"
        ).fetchall():
            connection.execute(f"alter table {table} drop constraint {name}")
        assert connection.execute(damage).rowcount != 0
    faults = probe_catalog(_url(lived))
    assert any(fault.check == check and told in fault.what for fault in faults), faults
