"""Looks in the lake's catalog for what concurrent commits or crashes could break.

DuckLake declares hardly any constraints, and its commits are many statements. Every check is SQL
over its tables in Postgres that returns a line for each fault; a sound catalog returns none.
"""

from dataclasses import dataclass

import psycopg
from psycopg import sql

# Tables whose rows hold from one snapshot to another.
_VERSIONED = {
    "ducklake_schema": "schema_id",
    "ducklake_table": "table_id",
    "ducklake_view": "view_id",
    "ducklake_column": "column_id",
    "ducklake_data_file": "data_file_id",
    "ducklake_delete_file": "delete_file_id",
    "ducklake_partition_info": "partition_id",
}
_NEWEST = "(select max(snapshot_id) from ducklake_snapshot)"

_CHECKS: dict[str, str] = {
    "snapshots": f"""
        select format('snapshot %s stands %s times', snapshot_id, count(*))
        from ducklake_snapshot group by snapshot_id having count(*) > 1
        union all
        select 'there is no snapshot' where not exists (select from ducklake_snapshot)
        union all
        select format('snapshot %s has no record of its changes', snapshot_id)
        from ducklake_snapshot left join ducklake_snapshot_changes changes using (snapshot_id)
        where changes.snapshot_id is null
        union all
        select format('changes are recorded of snapshot %s, which comes after the newest',
            snapshot_id)
        from ducklake_snapshot_changes where snapshot_id > {_NEWEST}
        union all
        select format('snapshot %s gave out file ids up to %s, and the newest one only up to %s',
            one.snapshot_id, one.next_file_id, newest.next_file_id)
        from ducklake_snapshot one, ducklake_snapshot newest
        where newest.snapshot_id = {_NEWEST} and (one.next_file_id > newest.next_file_id
            or one.next_catalog_id > newest.next_catalog_id)
        """,  # noqa: S608
    "lifetimes": " union all ".join(
        f"""
        select format('{table}: {key} %s begins at snapshot %s and ends at %s, the newest is %s',
            {key}, begin_snapshot, coalesce(end_snapshot::text, 'none'), {_NEWEST})
        from {table} where end_snapshot < begin_snapshot
            or greatest(begin_snapshot, end_snapshot) > {_NEWEST}
        """  # noqa: S608
        for table, key in _VERSIONED.items()
    ),
    "ids": f"""
        select format('%s: id %s stands %s times', kind, id, count(*)) from (
            select 'ducklake_data_file' as kind, data_file_id as id from ducklake_data_file
            union all select 'ducklake_delete_file', delete_file_id from ducklake_delete_file
        ) ids group by kind, id having count(*) > 1
        union all
        select format('file id %s is in use, and the next commit would give it out again', id)
        from (select data_file_id as id from ducklake_data_file
            union select delete_file_id from ducklake_delete_file) ids, ducklake_snapshot
        where snapshot_id = {_NEWEST} and id >= next_file_id
        union all
        select format('%s id %s is in use, and the next commit would give it out again', kind, id)
        from (select 'table' as kind, table_id as id from ducklake_table
            union select 'schema', schema_id from ducklake_schema
            union select 'view', view_id from ducklake_view) ids, ducklake_snapshot
        where snapshot_id = {_NEWEST} and id >= next_catalog_id
        """,  # noqa: S608
    "names": """
        select format('%s %s stands %s times', kind, name, count(*)) from (
            select 'schema' as kind, schema_name as name from ducklake_schema
                where end_snapshot is null
            union all
            select 'table', format('%s in schema %s', lower(table_name), schema_id)
                from ducklake_table where end_snapshot is null
            union all
            select 'view', format('%s in schema %s', lower(view_name), schema_id)
                from ducklake_view where end_snapshot is null
            union all
            select 'column', format('%s of table %s below %s', lower(column_name), table_id,
                parent_column) from ducklake_column where end_snapshot is null
        ) named group by kind, name having count(*) > 1
        """,
    "references": """
        select format('table %s (%s) is in schema %s, which is not there', table_id, table_name,
            t.schema_id)
        from ducklake_table t where not exists (select from ducklake_schema s
            where s.schema_id = t.schema_id and s.begin_snapshot <= t.begin_snapshot
            and coalesce(s.end_snapshot >= t.end_snapshot, s.end_snapshot is null))
        union all
        select format('view %s (%s) is in schema %s, which is not there', view_id, view_name,
            v.schema_id)
        from ducklake_view v where not exists (select from ducklake_schema s
            where s.schema_id = v.schema_id and coalesce(s.end_snapshot >= v.end_snapshot,
            s.end_snapshot is null))
        union all
        select format('%s refers to table %s, which is not there', what, table_id) from (
            select format('column %s (%s)', column_id, column_name) as what, table_id,
                end_snapshot is null as live from ducklake_column
            union all select format('data file %s', data_file_id), table_id, end_snapshot is null
                from ducklake_data_file
            union all select format('delete file %s', delete_file_id), table_id,
                end_snapshot is null from ducklake_delete_file
            union all select 'a partitioning', table_id, end_snapshot is null
                from ducklake_partition_info
            union all select format('the inlined table %s', table_name), table_id, false
                from ducklake_inlined_data_tables
        ) things where not exists (select from ducklake_table t
            where t.table_id = things.table_id and (t.end_snapshot is null or not things.live))
        union all
        select format('table %s (%s) has no columns', table_id, table_name)
        from ducklake_table t where end_snapshot is null and not exists (select
            from ducklake_column c where c.table_id = t.table_id and c.end_snapshot is null)
        union all
        select format('column %s (%s) of table %s is part of column %s, which is not there',
            c.column_id, c.column_name, c.table_id, c.parent_column)
        from ducklake_column c where parent_column is not null and end_snapshot is null
            and not exists (select from ducklake_column p where p.table_id = c.table_id
            and p.column_id = c.parent_column and p.end_snapshot is null)
        union all
        select format('data file %s names its columns by mapping %s, which is not there',
            data_file_id, mapping_id)
        from ducklake_data_file where mapping_id is not null
            and mapping_id not in (select mapping_id from ducklake_column_mapping)
        """,
    "deletions": """
        select format('delete file %s belongs to data file %s, which is not there',
            delete_file_id, d.data_file_id)
        from ducklake_delete_file d where not exists (select from ducklake_data_file f
            where f.data_file_id = d.data_file_id and f.table_id = d.table_id)
        union all
        select format('delete file %s deletes %s rows of data file %s, which has %s',
            delete_file_id, delete_count, data_file_id, record_count)
        from ducklake_delete_file join ducklake_data_file using (data_file_id)
        where delete_count > record_count
        union all
        select format('data file %s has %s delete files at once', data_file_id, count(*))
        from ducklake_delete_file where end_snapshot is null
        group by data_file_id having count(*) > 1
        """,
    "paths": """
        select format('the file %s of table %s stands %s times', path, table_id, count(*)) from (
            select table_id, path from ducklake_data_file
            union all select table_id, path from ducklake_delete_file
        ) paths group by table_id, path having count(*) > 1
        """,
    # Ranges may overlap: files that maintenance has written hold the ids of the rows they keep. But
    # each begins where one of those it was made from began, and those are gone.
    "row ids": """
        select format('%s data files of table %s begin at row %s', count(*), table_id, row_id_start)
        from ducklake_data_file where end_snapshot is null and record_count > 0
            -- Files that a maintenance has written anew hold their rows' ids themselves.
            and row_id_start is not null
        group by table_id, row_id_start having count(*) > 1
        union all
        select format('data file %s of table %s has rows up to %s, and the next commit would begin'
            ' at %s', data_file_id, table_id, row_id_start + f.record_count, next_row_id)
        from ducklake_data_file f join ducklake_table_stats using (table_id)
        where end_snapshot is null and row_id_start + f.record_count > next_row_id
        """,
    "inlined tables": """
        select format('the table %s, which holds small commits of table %s, is not there',
            table_name, table_id)
        from ducklake_inlined_data_tables where to_regclass(quote_ident(table_name)) is null
        """,
}


@dataclass(frozen=True)
class CatalogFault:
    """Something that is wrong in the catalog."""

    check: str
    what: str

    def __str__(self) -> str:
        return f"{self.check}: {self.what}"


def probe_catalog(postgres_url: str) -> list[CatalogFault]:
    """The faults of the catalog, as it is at one moment; empty where it is sound."""
    with psycopg.connect(postgres_url) as connection:
        connection.execute("set transaction isolation level repeatable read, read only")
        return probe_on(connection)


def probe_on(connection: psycopg.Connection) -> list[CatalogFault]:
    """As `probe_catalog`, on a connection that is open."""
    together = " union all ".join(
        f"select {_quoted(name)}, what from ({check}) as found(what)"  # noqa: S608
        for name, check in _CHECKS.items()
    )
    faults = [CatalogFault(*row) for row in connection.execute(together.encode()).fetchall()]
    return faults + _count_faults(connection)


def _quoted(name: str) -> str:
    return f"'{name}'"


def _count_faults(connection: psycopg.Connection) -> list[CatalogFault]:
    """DuckLake counts every row that was ever inserted: a table holds as many, or fewer."""
    inlined = connection.execute(
        "select table_id, table_name from ducklake_inlined_data_tables"
        " where to_regclass(quote_ident(table_name)) is not null"
    ).fetchall()
    parts = [
        sql.SQL(
            "union all select {table_id}::bigint, count(*) from {name} where end_snapshot is null"
        ).format(table_id=sql.Literal(table_id), name=sql.Identifier(name))
        for table_id, name in inlined
    ]
    query = sql.SQL(
        "select format('table %s has %s rows, of %s that were ever inserted', table_id,"
        " sum(rows), record_count) from ("
        " select table_id, record_count as rows from ducklake_data_file where end_snapshot is null"
        " {inlined}) held join ducklake_table_stats using (table_id)"
        " group by table_id, record_count having sum(rows) > record_count"
    ).format(inlined=sql.SQL(" ").join(parts))
    return [CatalogFault("counts", row[0]) for row in connection.execute(query).fetchall()]
