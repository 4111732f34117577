"""The files that the lake's catalog refers to, out of DuckLake's own tables in Postgres."""

from dataclasses import dataclass
from typing import Literal

import psycopg

# A renamed table has a row for each name and one folder.
_FILES = """
with place as (
    select value as root from ducklake_metadata where key = 'data_path' and scope is null
), folders as (
    select distinct on (t.table_id) t.table_id, schema_name || '.' || table_name as name,
        case when not t.path_is_relative then t.path
            when not s.path_is_relative then s.path || t.path
            else root || s.path || t.path end as folder
    from ducklake_table t join ducklake_schema s using (schema_id), place
    order by t.table_id, t.begin_snapshot desc
), files as (
    select 'data' as kind, table_id, path, path_is_relative, file_size_bytes,
        record_count as rows, encryption_key is not null as encrypted
    from ducklake_data_file
    union all
    select 'deletions', table_id, path, path_is_relative, file_size_bytes, delete_count,
        encryption_key is not null
    from ducklake_delete_file
)
select distinct case when path_is_relative then folder || path else path end, kind,
    coalesce(name, 'a table that is not there'), file_size_bytes, rows, encrypted
from files left join folders using (table_id)
order by 1
"""


@dataclass(frozen=True)
class CatalogFile:
    """A Parquet file that at least one snapshot needs.

    Attributes:
        path: Its whole path or URL.
        kind: Rows, or what is deleted of another file's rows.
        table: Schema and name of its table.
        size: Bytes, as the catalog knows them.
        rows: Rows, or deletions, as the catalog knows them.
        encrypted: Whether it can be read only through the lake.
    """

    path: str
    kind: Literal["data", "deletions"]
    table: str
    size: int
    rows: int
    encrypted: bool


def catalog_files(connection: psycopg.Connection) -> list[CatalogFile]:
    """All files of all snapshots, by path."""
    return [CatalogFile(*row) for row in connection.execute(_FILES).fetchall()]


def catalog_data_path(connection: psycopg.Connection) -> str:
    """The folder or prefix that relative paths begin at, ending with a slash."""
    row = connection.execute(
        "select value from ducklake_metadata where key = 'data_path' and scope is null"
    ).fetchone()
    return "" if row is None else str(row[0])


def newest_snapshot(connection: psycopg.Connection) -> int:
    """The id of the catalog's newest snapshot."""
    row = connection.execute("select max(snapshot_id) from ducklake_snapshot").fetchone()
    return 0 if row is None or row[0] is None else int(row[0])


def has_catalog(connection: psycopg.Connection) -> bool:
    """Whether the database holds a lake's catalog."""
    row = connection.execute("select to_regclass('public.ducklake_metadata')").fetchone()
    return row is not None and row[0] is not None
