"""Read-only access to the lake for people: locked down, with tables found by bare names."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb
from psycopg.conninfo import make_conninfo

from dagster_project.query_check import check_query
from dagster_project.settings import Settings
from lakehouse.engine import attach_lake, catalog_secret_options, new_engine
from lakehouse.errors import TidemarkError
from lakehouse.failures import explained
from lakehouse.quoting import quote_literal
from lakehouse.tables import SCHEMAS

_SEARCH_PATH = ("marts", "ml", "monitoring", "ops", "intermediate", "staging", "raw")


class LakeReader:
    """Runs queries that only read."""

    def __init__(self, engine: duckdb.DuckDBPyConnection) -> None:
        self._engine = engine

    def execute(
        self, query: str, parameters: Sequence[Any] | Mapping[str, Any] = ()
    ) -> duckdb.DuckDBPyConnection:
        """The query's result, to be fetched.

        Raises:
            TidemarkError: The text is anything but queries on the lake's tables.
            duckdb.Error: It cannot run.
        """
        check_query(self._engine, query)
        try:
            return self._engine.execute(query, parameters)
        except RuntimeError as error:
            # So DuckDB wraps a Ctrl-C. Its query may go on: closing would wait for its end.
            if isinstance(error.__cause__, KeyboardInterrupt):
                self._engine.interrupt()
                raise error.__cause__ from None
            raise


@contextmanager
def read_only_lake(settings: Settings) -> Iterator[LakeReader]:
    """Reads the lake, and can neither write nor reach other files or hosts.

    Three locks, one behind the other: what is no query is refused (`query_check`), the engine opens
    no file but the lake's and takes no settings, and Postgres runs its sessions read-only.

    Raises:
        TidemarkError: There is no lake yet, or its catalog does not answer.
    """
    config = settings.lake_config
    with explained(lambda: None), new_engine(config) as engine:
        try:
            attach_lake(engine, config, read_only=True)
        except duckdb.Error as error:
            if "does not exist" not in str(error) and "no snapshot" not in str(error).lower():
                raise
            raise TidemarkError(
                "There is no lake yet.", hint="Land files and run `tidemark run` first."
            ) from error
        present = {
            str(row[0])
            for row in engine.execute(
                "select schema_name from information_schema.schemata where catalog_name = 'lake'"
            ).fetchall()
        }
        path = ",".join(f"lake.{name}" for name in _SEARCH_PATH if name in present)
        if path:
            engine.execute(f"set search_path = {quote_literal(path)}")
        engine.execute(f"set allowed_directories = [{quote_literal(config.data_path)}]")
        engine.execute("set enable_external_access = false")
        # Else a name that is no table could be a variable of this program.
        engine.execute("set python_enable_replacements = false")
        engine.execute("set lock_configuration = true")
        yield LakeReader(engine)


def attach_statement(settings: Settings) -> str:
    """The SQL that attaches the lake read-only in any DuckDB client; without passwords."""
    config = settings.lake_config
    options = catalog_secret_options(config)
    for secret in ("password", "passfile", "sslkey"):
        options.pop(secret, None)
    options["dbname"] = options.pop("database")
    target = make_conninfo(**options)
    lines = [
        "install ducklake; load ducklake; install postgres; load postgres;",
        f"attach {quote_literal('ducklake:postgres:' + target)} as lake (read_only);",
        f"use lake.{SCHEMAS[3]};",
    ]
    if config.is_remote:
        lines.insert(
            0, "install httpfs; load httpfs; create secret (type s3, provider credential_chain);"
        )
    return "\n".join(lines)
