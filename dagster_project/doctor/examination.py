"""All checks in their order; one that cannot be done is a finding, and the others go on."""

from collections.abc import Callable
from functools import partial

import psycopg

from dagster_project.doctor.artifacts import check_artifacts
from dagster_project.doctor.catalog import check_catalog, check_files
from dagster_project.doctor.finding import Finding, Findings
from dagster_project.doctor.leftovers import check_leftovers
from dagster_project.doctor.places import check_places
from dagster_project.doctor.postgres import check_clock, check_rights, check_tls
from dagster_project.doctor.versions import check_extensions, check_server_version, check_versions
from dagster_project.lake_reader import read_only_lake
from dagster_project.settings import DATABASES, Settings
from lakehouse.catalog_files import has_catalog
from lakehouse.errors import TidemarkError
from lakehouse.failures import explanation_of


def examine(settings: Settings, *, deep: bool) -> Findings:
    """Everything that the doctor finds, as it is found."""
    yield from check_versions()
    yield from _tried("places", lambda: check_places(settings))
    try:
        server = settings.server
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what is broken
        yield _failed("postgres", error)
        return
    yield from _tried("versions", lambda: check_extensions(settings.lake_config))
    for name, url in zip(DATABASES, (server.lake, server.dagster, server.mlflow), strict=True):
        yield from _tried("postgres", partial(_database, url, name))
    yield from _tried("catalog", lambda: _lake(settings, deep=deep))
    yield from _tried("leftovers", lambda: check_leftovers(settings))


def _database(url: str, name: str) -> Findings:
    with psycopg.connect(url, autocommit=True) as connection:
        if name == DATABASES[0]:
            yield from check_server_version(connection, url)
            yield from check_tls(connection)
            yield from check_clock(connection)
        yield from check_rights(connection, name)


def _lake(settings: Settings, *, deep: bool) -> Findings:
    config = settings.lake_config
    with psycopg.connect(settings.server.lake, autocommit=True) as connection:
        if not has_catalog(connection):
            yield Finding("catalog", "good", "there is no lake yet")
            return
        catalog = list(_tried("catalog", lambda: check_catalog(connection, config)))
    yield from catalog
    good = all(finding.status == "good" for finding in catalog)
    yield from _tried("files", lambda: check_files(config, deep=deep, catalog_is_good=good))
    yield from _tried("artifacts", lambda: _artifacts(settings, deep=deep))


def _artifacts(settings: Settings, *, deep: bool) -> Findings:
    with read_only_lake(settings) as lake:
        yield from check_artifacts(lake, settings.artifact_path, settings.s3_access, deep=deep)


def _tried(area: str, check: Callable[[], Findings]) -> Findings:
    try:
        yield from check()
    except Exception as error:  # noqa: BLE001 - the doctor must tell of all that it can see
        yield _failed(area, error)


def _failed(area: str, error: Exception) -> Finding:
    known = error if isinstance(error, TidemarkError) else explanation_of(error)
    if known is None:
        text = str(error).strip().splitlines()
        said = f"{type(error).__name__}: {text[0] if text else ''}"
        return Finding(area, "broken", said, "Mend what is named above first, then look again.")
    return Finding(area, "broken", known.message, known.hint)
