"""The lake, the landing zone and the state folder: what may be done there, and room on the disk."""

import os
import shutil
import tempfile
import uuid
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from dagster_project.doctor.finding import Finding, Findings
from dagster_project.doctor.postgres import clock_finding
from dagster_project.settings import Settings
from lakehouse.config import S3Config
from lakehouse.failures import explanation_of
from lakehouse.s3 import s3_client, split_s3_path, upload_arguments

_AREA = "places"
_LEAST_BYTES = 1 << 30
_BROKEN_BYTES = 100 << 20


def check_places(settings: Settings) -> Findings:
    """All places, as far as each is local or on S3."""
    yield from _local(settings.state, "the state folder", write=True)
    for path, what, write in (
        (settings.lake_path, "the lake", True),
        (settings.landing_path, "the landing zone", False),
    ):
        if path.startswith("s3://"):
            yield from _remote(path, what, settings.s3_access, write=write)
        else:
            yield from _local(Path(path), what, write=write)
    yield from _room(settings)


def _local(folder: Path, what: str, *, write: bool) -> Findings:
    existing = folder
    while not existing.exists():
        existing = existing.parent
    right = os.W_OK | os.X_OK if write else os.R_OK | os.X_OK
    if existing.is_dir() and os.access(existing, right) and (not write or _writable(existing)):
        made = "" if existing == folder else ", to be made"
        yield Finding(_AREA, "good", f"{what} {folder}{made}")
        return
    verb = "written" if write else "read"
    yield Finding(
        _AREA,
        "broken",
        f"{what} {folder} cannot be {verb}",
        f"Give the user of this process the right to {existing}, or change the setting.",
    )


def _writable(folder: Path) -> bool:
    """Access bits do not tell of read-only and full file systems."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as probe:
            probe.write(b"probe")
            probe.flush()
    except OSError:
        return False
    return True


def _room(settings: Settings) -> Findings:
    places = [settings.state, *(Path(p) for p in (settings.lake_path,) if "://" not in p)]
    for existing in {_existing(place) for place in places}:
        free = shutil.disk_usage(existing).free
        text = f"{free / 1e9:,.1f} GB free at {existing}"
        if free >= _LEAST_BYTES:
            yield Finding("disk", "good", text)
        else:
            yield Finding(
                "disk",
                "broken" if free < _BROKEN_BYTES else "warning",
                text,
                "Make room: `tidemark maintain`, fewer TIDEMARK_KEEP_HISTORY_DAYS, a larger disk.",
            )


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _remote(path: str, what: str, s3: S3Config, *, write: bool) -> Findings:
    """Does what the platform does: on the lake all, on the landing zone lists and reads."""
    bucket, prefix = split_s3_path(path)
    start = f"{prefix}/" if prefix else ""
    client = s3_client(s3)
    done: list[str] = []
    try:
        answer = client.list_objects_v2(Bucket=bucket, Prefix=start, MaxKeys=1)
        done.append("list")
        if write:
            key = f"{start}.tidemark-doctor-{uuid.uuid4().hex}"
            client.put_object(Bucket=bucket, Key=key, Body=b"probe", **upload_arguments(s3))
            done.append("put")
            _read(client, bucket, key)
            done.append("get")
            client.delete_object(Bucket=bucket, Key=key)
            done.append("delete")
        elif found := [item for item in answer.get("Contents", []) if item["Size"]]:
            _read(client, bucket, found[0]["Key"])
            done.append("get")
    except Exception as error:
        known = explanation_of(error)
        if known is None:
            raise
        wanted = ["list", "put", "get", "delete"] if write else ["list", "get"]
        failed = wanted[len(done)]
        yield Finding(
            _AREA,
            "broken",
            f"{what} {path}: {failed} failed: {known.message}",
            "`tidemark doctor --policy` prints the rights that the keys need; also check"
            " TIDEMARK_S3_ENDPOINT and that the bucket exists.",
        )
        return
    yield Finding(_AREA, "good", f"{what} {path}: {', '.join(done)}")
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    if date and write:
        skew = datetime.now(UTC) - parsedate_to_datetime(date)
        # The header has whole seconds.
        yield clock_finding("S3", skew.total_seconds() - 0.5)


def _read(client: Any, bucket: str, key: str) -> None:
    client.get_object(Bucket=bucket, Key=key)["Body"].read(1)
