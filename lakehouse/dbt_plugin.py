"""The dbt-duckdb plugin: dbt's DuckDB gets the lake, its limits and the text functions.

dbt-duckdb loads it by the module's path (profiles.yml); the lake is attached by the same code as
everywhere else, so that there is one place that knows how.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin
from duckdb.func import FunctionNullHandling, PythonUDFType

from lakehouse.config import LakeConfig
from lakehouse.dbt_environment import lake_of_environment
from lakehouse.engine import (
    attach_lake,
    extensions,
    install_extensions,
    set_up_s3,
    spill_folder,
)
from lakehouse.text.cleaning import clean_texts
from lakehouse.text.language import detect_languages
from lakehouse.text.statistics import STATISTICS, texts_statistics

if TYPE_CHECKING:
    from dbt.adapters.duckdb.credentials import DuckDBCredentials

# By the name they have in SQL; each takes a text.
_TEXT_FUNCTIONS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "clean_text": (clean_texts, "VARCHAR"),
    "detect_language": (detect_languages, "VARCHAR"),
    "text_statistics": (
        texts_statistics,
        f"STRUCT({', '.join(f'{name} INTEGER' for name in STATISTICS)})",
    ),
}


class Plugin(BasePlugin):
    """Sets up each DuckDB that dbt opens; dbt calls the methods in the order they stand here."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Reads nothing yet: `dbt parse` makes the plugin too, and needs no lake."""

    def update_connection_config(self, creds: "DuckDBCredentials", config: dict[str, Any]) -> None:
        """Adds the engine's settings to those that DuckDB is opened with."""
        self._lake = lake_of_environment()
        creds.path = ":memory:"
        config.update(
            extension_directory=str(self._lake.extension_folder),
            temp_directory=str(spill_folder(self._lake)),
            memory_limit=self._lake.memory_limit,
            threads=str(self._lake.threads),
            autoinstall_known_extensions="false",
        )

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Loads the extensions, attaches the lake, registers the text functions."""
        _load_extensions(conn, self._lake)
        if self._lake.is_remote:
            set_up_s3(conn, self._lake)
        for name, (function, returns) in _TEXT_FUNCTIONS.items():
            _register(conn, name, function, returns)
        # Last: when it fails, dbt calls this method once more on the same database.
        attach_lake(conn, self._lake, read_only=False)

    def configure_cursor(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Makes the cursor speak UTC."""
        cursor.execute("set TimeZone = 'UTC'")


def _register(
    engine: duckdb.DuckDBPyConnection, name: str, function: Callable[[Any], Any], returns: str
) -> None:
    engine.create_function(
        name,
        # DuckDB evaluates annotations, and those of the function name modules not imported yet.
        lambda texts: function(texts),  # noqa: PLW0108
        ["VARCHAR"],
        returns,
        type=PythonUDFType.ARROW,
        # Nulls reach the function, which keeps them: DuckDB's own handling hides rows from it.
        null_handling=FunctionNullHandling.SPECIAL,
    )


def _load_extensions(engine: duckdb.DuckDBPyConnection, lake: LakeConfig) -> None:
    try:
        for name in extensions(lake):
            engine.load_extension(name)
    except duckdb.IOException:
        install_extensions(lake)
        for name in extensions(lake):
            engine.load_extension(name)
