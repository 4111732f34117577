"""Versions: Python, DuckDB with its extensions, dbt, and the Postgres server."""

import sys
from importlib.metadata import PackageNotFoundError, requires, version

import psycopg
from packaging.requirements import Requirement

from dagster_project.doctor.finding import Finding, Findings
from lakehouse.config import LakeConfig
from lakehouse.engine import extensions, new_engine
from lakehouse.errors import TidemarkError

_AREA = "versions"
_WATCHED = ("duckdb", "dbt-core", "dbt-duckdb", "dagster", "mlflow")
# DuckLake's catalog needs nothing newer; older ones get no fixes any more.
_OLDEST_POSTGRES = 14


def check_versions() -> Findings:
    """Python, and the packages that this version was built and tested with."""
    running = ".".join(map(str, sys.version_info[:3]))
    if (3, 11) <= sys.version_info[:2] < (3, 14):
        yield Finding(_AREA, "good", f"Python {running}")
    else:
        yield Finding(_AREA, "broken", f"Python {running}", "Use Python 3.11 to 3.13.")
    declared = [Requirement(text) for text in requires("tidemark") or ()]
    pinned = {one.name: one for one in declared if one.marker is None}
    for name, wanted in pinned.items():
        if name in _WATCHED or name.startswith("duckdb-extension-"):
            yield _package(name, wanted)


def _package(name: str, wanted: Requirement) -> Finding:
    try:
        found = version(name)
    except PackageNotFoundError:
        return Finding(_AREA, "broken", f"{name} is not installed", "Run `make setup`.")
    if wanted.specifier.contains(found, prereleases=True):
        return Finding(_AREA, "good", f"{name} {found}")
    return Finding(_AREA, "broken", f"{name} {found}, not {wanted.specifier}", "Run `make setup`.")


def check_extensions(config: LakeConfig) -> Findings:
    """Whether DuckDB loads the extensions that the lake needs."""
    names = ", ".join(extensions(config))
    try:
        new_engine(config).close()
    except TidemarkError as error:
        yield Finding(_AREA, "broken", error.message, error.hint)
    else:
        yield Finding(_AREA, "good", f"DuckDB loads {names}")


def check_server_version(connection: psycopg.Connection, postgres_url: str) -> Findings:
    """Whether the Postgres server is new enough, and programs are there that can dump it."""
    from lakehouse.postgres_client import client_programs

    major = connection.info.server_version // 10_000
    if major < _OLDEST_POSTGRES:
        yield Finding(
            _AREA,
            "broken",
            f"Postgres server {major}",
            f"Move to Postgres {_OLDEST_POSTGRES} or newer.",
        )
        return
    yield Finding(_AREA, "good", f"Postgres server {major}")
    try:
        programs = client_programs(postgres_url)
    except TidemarkError as error:
        yield Finding(_AREA, "warning", error.message, error.hint)
    else:
        yield Finding(_AREA, "good", f"pg_dump {programs.major} can dump it")
