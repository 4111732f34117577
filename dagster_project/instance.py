"""Dagster's instance: its folder and dagster.yaml, on the platform's Postgres."""

import os
from typing import TYPE_CHECKING, Any

import yaml

from dagster_project.settings import Settings

if TYPE_CHECKING:
    import dagster as dg

# Read by dagster.yaml, so that no URL with a password is written to disk.
POSTGRES_VARIABLE = "DAGSTER_TIDEMARK_POSTGRES_URL"


def write_instance_config(settings: Settings) -> None:
    """Writes dagster.yaml where it is missing or differs."""
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    text = "# Written by tidemark from its settings; changes here are overwritten.\n"
    text += yaml.safe_dump(_config(settings), sort_keys=False)
    file = home / "dagster.yaml"
    if not file.exists() or file.read_text() != text:
        file.write_text(text)
    # Its presence keeps the UI from asking for an e-mail address at first start.
    (home / ".nux").mkdir(exist_ok=True)
    (home / ".nux" / "nux.yaml").write_text("seen: 1\n")


def dagster_environment(settings: Settings) -> dict[str, str]:
    """The environment variables that Dagster's processes need."""
    url = settings.server.dagster.replace("postgresql://", "postgresql+psycopg2://", 1)
    return {
        "DAGSTER_HOME": str(settings.dagster_home),
        POSTGRES_VARIABLE: url,
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }


def open_instance(settings: Settings) -> "dg.DagsterInstance":
    """The instance of this project."""
    import dagster as dg

    write_instance_config(settings)
    os.environ.update(dagster_environment(settings))
    instance = dg.DagsterInstance.get()
    # Dagster connects anew for every statement, several hundred times a run; what its web server
    # does instead is to keep a connection. No statement is cut off (0).
    instance.optimize_for_webserver(statement_timeout=0, pool_recycle=3600, max_overflow=20)
    return instance


def _config(settings: Settings) -> dict[str, Any]:
    return {
        "storage": {"postgres": {"postgres_url": {"env": POSTGRES_VARIABLE}}},
        "telemetry": {"enabled": False},
        "run_monitoring": {"enabled": True, "start_timeout_seconds": 180},
        # A long training must not keep new files out. No pools: the writer lock serialises dbt
        # builds and commits and frees itself, while a killed run would keep its pool's slot and
        # block every run behind it.
        "concurrency": {"runs": {"max_concurrent_runs": 3}},
        "compute_logs": {
            "module": "dagster._core.storage.local_compute_log_manager",
            "class": "LocalComputeLogManager",
            "config": {"base_dir": str(settings.log_folder / "compute")},
        },
        "local_artifact_storage": {
            "module": "dagster._core.storage.root",
            "class": "LocalArtifactStorage",
            "config": {"base_dir": str(settings.dagster_home)},
        },
        "retention": {
            "schedule": {"purge_after_days": 30},
            "sensor": {"purge_after_days": {"skipped": 3, "failure": 30, "success": 30}},
        },
    }
