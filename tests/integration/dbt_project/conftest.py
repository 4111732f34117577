"""Fixtures of the dbt project's tests: dbt on a lake of the test's own, and files landed in it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from dagster_project.dbt_server import warm_dbt
from lakehouse.config import LakeConfig
from lakehouse.connection import Lake
from lakehouse.dbt_environment import dbt_environment
from lakehouse.landing.raw_table import ensure_raw_table
from lakehouse.sources import load_sources

PROJECT = Path(__file__).resolve().parents[3] / "dbt_project"
SOURCES = load_sources(PROJECT)
Row = dict[str, str | None]
RunDbt = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def dbt(short_folder: Path) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Runs dbt on the project with these arguments and this environment, whatever comes of it."""

    def run(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
        dbt = str(Path(sys.executable).parent / "tidemark-dbt")
        folders = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
        return subprocess.run(
            [dbt, *arguments, *folders], env=env, capture_output=True, text=True, check=False
        )

    with warm_dbt(SimpleNamespace(dbt_project=PROJECT, state=short_folder)):
        yield run


@pytest.fixture(scope="session")
def dbt_target(short_folder: Path) -> Path:
    """One folder of artifacts for all tests, so that the project is parsed once."""
    folder = short_folder / "dbt"
    folder.mkdir()
    return folder


@pytest.fixture
def run_dbt(lake_config: LakeConfig, dbt_target: Path, dbt: RunDbt) -> RunDbt:
    """Runs dbt on the test's lake; fails the test with dbt's own words unless told not to."""

    def run(
        *arguments: str, check: bool = True, unit_tests: bool = False
    ) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, **dbt_environment(lake_config, target_path=dbt_target)}
        if unit_tests:
            del env["DBT_EXCLUDE_RESOURCE_TYPES"]
        result = dbt(*arguments, env=env)
        assert result.returncode == 0 or not check, result.stdout + result.stderr
        return result

    return run


@dataclass
class Landing:
    """Writes raw rows and their ledger entries as landing does, without files."""

    lake: Lake
    loads: int = 0

    def load(
        self,
        file: str,
        rows: Sequence[Row],
        *,
        supersedes: int | None = None,
        source: str = "reviews",
        loaded_at: str = "2021-01-01 00:00:00+00",
    ) -> int:
        """Loads a version of a file in place of an earlier load; returns the new load's id."""
        self.loads += 1
        raw, columns = f"lake.raw.{source}", SOURCES[source].columns
        names = ", ".join(f'"{name}"' for name in columns)
        marks = ", ".join("?" * (len(columns) + 3))
        values = [
            value
            for line, row in enumerate(rows, 1)
            for value in (*(row.get(name) for name in columns), file, line, self.loads)
        ]
        with self.lake.write("test load") as write:
            connection = write.connection
            if supersedes is not None:
                connection.execute(f"delete from {raw} where _load_id = ?", [supersedes])
                connection.execute(
                    "update lake.ops.file_ledger set superseded_by = ? where load_id = ?",
                    [self.loads, supersedes],
                )
            if rows:
                connection.execute(
                    f"insert into {raw} ({names}, _file, _line, _load_id, _loaded_at)"
                    f" select *, cast(? as timestamptz)"
                    f" from (values {', '.join([f'({marks})'] * len(rows))})",
                    [loaded_at, *values],
                )
            connection.execute(
                "insert into lake.ops.file_ledger values (?, ?, 'b', ?, 'e', 'h', 0, ?, ?,"
                " 0, 'loaded', null, ?, ?, null)",
                [self.loads, source, file, len(rows), len(rows), loaded_at, write.snapshot_id],
            )
        return self.loads


@pytest.fixture(scope="session")
def landing_in() -> Callable[[Lake], Landing]:
    """Creates the sources' empty raw tables in a lake, and returns a way to load rows into them."""

    def create(lake: Lake) -> Landing:
        for source in SOURCES.values():
            ensure_raw_table(lake, source)
        return Landing(lake)

    return create


@pytest.fixture
def landing(lake: Lake, landing_in: Callable[[Lake], Landing]) -> Landing:
    """A way to load rows into the raw tables of the test's lake."""
    return landing_in(lake)
