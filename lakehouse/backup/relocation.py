"""Rewrites what names the old place of a restored platform: its lake, its artifacts, its landing.

The catalog's own data path comes last: until then, only this module can open a lake that has moved.
"""

import psycopg
from psycopg import sql

from lakehouse.backup.manifest import Manifest
from lakehouse.backup.place import Place
from lakehouse.engine import attach_lake, new_engine
from lakehouse.quoting import quote_literal

# A restore that has not ended; while the table is there, the databases are not to be trusted.
MARKER = "tidemark_unfinished_restore"
_CATALOG_PATHS = ("ducklake_schema", "ducklake_table", "ducklake_data_file", "ducklake_delete_file")
_LAKE_PATHS = (("ml.training_sets", "path"), ("ml.model_versions", "bundle_path"))
_MLFLOW_PATHS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("logged_models", "artifact_location"),
)


def after_catalog_restore(manifest: Manifest, place: Place, name: str) -> str:
    """SQL for the transaction that restores the catalog: marks it unfinished, moves whole paths."""
    old, new = quote_literal(manifest.data_path), quote_literal(place.lake.data_path)
    moves = [
        f"update public.{table} set path = {new} || substr(path, length({old}) + 1)"  # noqa: S608
        f" where not path_is_relative and starts_with(path, {old});"
        for table in _CATALOG_PATHS
    ]
    return "\n".join([mark_unfinished(name), FORGET_DELETED, *moves])


# Nothing refers to these files, so no backup has them.
FORGET_DELETED = "delete from public.ducklake_files_scheduled_for_deletion;"


def mark_unfinished(name: str) -> str:
    """SQL that marks the databases as being restored from that backup."""
    return (
        f"create table if not exists public.{MARKER} (backup text);"  # noqa: S608
        f" insert into public.{MARKER} values ({quote_literal(name)});"
    )


def relocate(manifest: Manifest, place: Place) -> None:
    """Rewrites the rows of the lake and of MLflow, then lets everybody open the lake."""
    old_artifacts = f"{manifest.lake_path}/artifacts"
    moved = (
        old_artifacts != place.artifact_path
        or manifest.landing_path != place.landing_path
        or manifest.data_path != place.lake.data_path
    )
    if moved:
        _relocate_lake_rows(manifest, place, old_artifacts)
        _relocate_mlflow(place, old_artifacts)
    with psycopg.connect(place.url("lake")) as connection:
        connection.execute(
            "update ducklake_metadata set value = %s where key = 'data_path' and scope is null",
            [place.lake.data_path],
        )
        connection.execute(sql.SQL("drop table {}").format(sql.Identifier(MARKER)))


def _relocate_lake_rows(manifest: Manifest, place: Place, old_artifacts: str) -> None:
    with new_engine(place.lake) as engine:
        attach_lake(engine, place.lake, read_only=False, moved=True)
        engine.execute("begin")
        for table, column in _LAKE_PATHS:
            engine.execute(
                f"update lake.{table} set {column} = $new || substr({column}, length($old) + 1)"  # noqa: S608
                f" where starts_with({column}, $old || '/')",
                {"old": old_artifacts, "new": place.artifact_path},
            )
        engine.execute(
            "update lake.ops.file_ledger set bucket = $new where bucket = $old",
            {"old": manifest.landing_path, "new": place.landing_path},
        )
        engine.execute("call lake.set_commit_message('tidemark', 'restore to another place')")
        engine.execute("commit")


def _relocate_mlflow(place: Place, old_artifacts: str) -> None:
    with psycopg.connect(place.url("mlflow")) as connection:
        for table, column in _MLFLOW_PATHS:
            if not _has_column(connection, table, column):
                continue
            for scheme in ("", "file://"):
                connection.execute(
                    sql.SQL(
                        "update {table} set {column} ="
                        " %(new)s || substr({column}, length(%(old)s::text) + 1)"
                        " where {column} = %(old)s or starts_with({column}, %(old)s || '/')"
                    ).format(table=sql.Identifier(table), column=sql.Identifier(column)),
                    {"old": scheme + old_artifacts, "new": scheme + place.artifact_path},
                )


def _has_column(connection: psycopg.Connection, table: str, column: str) -> bool:
    """MLflow's database is empty before its first run, and its columns change with versions."""
    return (
        connection.execute(
            "select 1 from information_schema.columns"
            " where table_schema = 'public' and table_name = %s and column_name = %s",
            (table, column),
        ).fetchone()
        is not None
    )
