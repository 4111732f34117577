"""Whether a query only reads the lake's tables, by what DuckDB's own parser makes of it.

The engine's own locks (no files, no settings) leave some doors open: `copy to` writes where the
lake's files are, and the Postgres extension's functions reach any server and run any statement. So
only SELECT and its kin pass, from tables and from functions that compute or describe.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import duckdb

from lakehouse.errors import TidemarkError
from lakehouse.quoting import quote_literal

_EXPLAIN = re.compile(r"\s*explain\s+(analyze\s+)?(\([^)]*\)\s*)?", re.IGNORECASE)
_METADATA_CATALOG = "__ducklake"
_TABLE_FUNCTIONS = {
    # That compute,
    "range", "generate_series", "unnest", "repeat", "repeat_row", "json_each", "json_tree",
    # that describe,
    "duckdb_columns", "duckdb_constraints", "duckdb_functions", "duckdb_keywords", "duckdb_schemas",
    "duckdb_tables", "duckdb_types", "duckdb_views", "pg_timezone_names", "pragma_show",
    "pragma_table_info", "pragma_version",
    # and that tell the lake's history.
    "current_snapshot", "last_committed_snapshot", "snapshots", "table_changes", "table_deletions",
    "table_info", "table_insertions", "ducklake_current_snapshot",
    "ducklake_last_committed_snapshot", "ducklake_list_files", "ducklake_snapshots",
    "ducklake_table_changes", "ducklake_table_deletions", "ducklake_table_info",
    "ducklake_table_insertions",
}  # fmt: skip
_HINT = (
    "The lake is read-only here: SELECT, DESCRIBE, SUMMARIZE, SHOW and EXPLAIN work, on the lake's"
    " tables alone."
)


def check_query(engine: duckdb.DuckDBPyConnection, text: str) -> None:
    """Raises if the text is anything but queries that read the lake's tables.

    Raises:
        TidemarkError: What in it is refused.
        duckdb.ParserException: It is no SQL.
    """
    for node in _nodes(_parsed(engine, _EXPLAIN.sub("", text, count=1))):
        kind = node.get("type")
        if kind == "TABLE_FUNCTION":
            _check_function(str(node["function"].get("function_name", "")))
        elif kind == "BASE_TABLE":
            _check_table(node)


def _parsed(engine: duckdb.DuckDBPyConnection, text: str) -> Any:
    if "\x00" in text:
        raise _refused("a NUL character")
    # Not bound: for that DuckDB imports pandas, which takes seconds and swallows a Ctrl-C.
    row = engine.execute(f"select json_serialize_sql({quote_literal(text)})").fetchone()
    try:
        parsed = json.loads(row[0]) if row else {"error": True}
    except RecursionError as error:
        raise _refused("so deeply nested a query") from error
    if parsed["error"]:
        # Raises the parser's own words, with the place, where it is no SQL at all.
        statements = engine.extract_statements(text)
        kinds = sorted({statement.type.name for statement in statements})
        raise _refused(f"a statement of the kind {', '.join(kinds) or 'nothing'}")
    return parsed["statements"]


def _nodes(parsed: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in the tree; without recursion, as queries may be nested deep."""
    waiting = [parsed]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


def _check_function(name: str) -> None:
    if name.lower() not in _TABLE_FUNCTIONS:
        raise _refused(f"the function {name}")


def _check_table(node: dict[str, Any]) -> None:
    name = str(node.get("table_name", ""))
    if "/" in name:
        raise _refused(f"the file '{name}'")
    for part in (node.get("catalog_name"), node.get("schema_name")):
        if str(part or "").lower().startswith(_METADATA_CATALOG):
            raise _refused("the lake's catalog")


def _refused(what: str) -> TidemarkError:
    return TidemarkError(f"Permission denied: {what} is not for reading the lake.", hint=_HINT)
