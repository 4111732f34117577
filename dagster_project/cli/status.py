"""`tidemark status`: what runs, where everything is, how large, and what was done last."""

from pathlib import Path
from typing import Any

from dagster_project.cli.output import JsonOption, print_json, print_pairs, print_table
from dagster_project.platform import Platform, load_platform
from dagster_project.services import running_pid, services, storage_services
from lakehouse.postgres import running_server
from lakehouse.writer_lock import lock_holder


def status(json: JsonOption = False) -> None:
    """Show what runs, where the lake is, sizes, models, the writer and the last runs."""
    platform = load_platform()
    found = collect(platform)
    if json:
        print_json(found)
        return
    print_pairs("Servers", found["servers"])
    print_pairs("Places", found["places"])
    for title, key in (("Tables", "tables"), ("Models", "models"), ("Last runs", "runs")):
        rows = found[key]
        if rows:
            print_table(title, list(rows[0]), [list(row.values()) for row in rows])


def collect(platform: Platform) -> dict[str, Any]:
    """Everything that `tidemark status` shows."""
    settings = platform.settings
    servers: dict[str, Any] = {}
    for service in (*storage_services(settings), *services(settings)):
        pid = running_pid(settings, service.name)
        servers[service.name] = f"{service.url or 'runs'} (process {pid})" if pid else "stopped"
    lake = platform.lake()
    if settings.postgres is None:
        embedded = running_server(settings.postgres_folder)
        servers["postgres"] = f"embedded (process {embedded.pid})" if embedded else "stopped"
    else:
        servers["postgres"] = "external"
    holder = lock_holder(settings.server.lake)
    servers["writer"] = (
        f"{holder.purpose}, since {holder.since:%H:%M:%S} UTC" if holder else "nobody"
    )
    return {
        "servers": servers,
        "places": {
            "lake": settings.lake_path,
            "landing zone": settings.landing_path,
            "state": str(settings.state),
            "lake snapshot": lake.snapshot_id(),
            "lake size": _size(settings.lake_path),
        },
        "tables": _tables(platform),
        "models": _models(platform),
        "runs": _runs(platform),
    }


def _tables(platform: Platform) -> list[dict[str, Any]]:
    rows = platform.lake().rows(
        "select table_name, file_count, file_size_bytes from ducklake_table_info('lake')"
        " where file_count > 0 order by file_size_bytes desc limit 12"
    )
    return [{"table": name, "files": files, "bytes": size} for name, files, size in rows]


def _models(platform: Platform) -> list[dict[str, Any]]:
    rows = platform.lake().rows(
        "select model, max_by(to_version, snapshot_id) filter (promoted), max(to_version),"
        " max_by(reason, snapshot_id) from lake.ops.promotions where alias = 'champion'"
        " group by model order by model"
    )
    found = [
        {"model": model, "champion": champion, "newest": newest, "last verdict": reason}
        for model, champion, newest, reason in rows
    ]
    return found + [
        {"model": broken.name, "champion": None, "newest": None, "last verdict": "broken spec"}
        for broken in platform.broken_specs
    ]


def _runs(platform: Platform) -> list[dict[str, Any]]:
    from dagster_project.instance import open_instance

    with open_instance(platform.settings) as instance:
        records = instance.get_run_records(limit=5)
    return [
        {
            "run": record.dagster_run.run_id[:8],
            "job": record.dagster_run.tags.get("tidemark/started_by")
            or record.dagster_run.job_name,
            "status": record.dagster_run.status.value.lower(),
            "started": record.create_timestamp,
            "seconds": round((record.end_time or 0) - (record.start_time or 0), 1)
            if record.end_time
            else None,
        }
        for record in records
    ]


def _size(path: str) -> str:
    if path.startswith("s3://"):
        return "on S3"
    size = sum(file.stat().st_size for file in Path(path).rglob("*") if file.is_file())
    return f"{size / 1e6:,.1f} MB"
