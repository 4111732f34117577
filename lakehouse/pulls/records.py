"""`ops.pulls`: what was fetched, and how far the landed files reach."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from lakehouse.connection import Lake
from lakehouse.feeds.origins import Pulled

PullStatus = Literal["landed", "unchanged", "unreadable"]


@dataclass(frozen=True)
class PullRecord:
    """One row of `ops.pulls`: a pull that came to its end.

    Attributes:
        origin_hash: Identity of where it asked; another origin's cursor means nothing.
        request: What was asked, secrets left out.
        status: `landed`; `unchanged`: the same bytes as the pull before, or none; `unreadable`:
            landed too, but not as the source's declaration says.
        files: Files landed.
        bytes: Their bytes.
        rows: Records in them; None where they were not counted.
        cursor: How far the landed files reach; None without a cursor.
        content_hash: SHA-256 over the answer's bytes.
        validator: ETag of the answer; None without one.
        reason: Why it cannot be read.
    """

    source: str
    pull_id: str
    kind: str
    origin_hash: str
    request: str
    status: PullStatus
    files: int
    bytes: int
    rows: int | None
    cursor: str | None
    content_hash: str
    validator: str | None
    reason: str | None
    pulled_at: datetime


def origin_hash(origin: Pulled) -> str:
    """Identity of where a source is fetched from; when and how patiently does not matter."""
    declared = origin.model_dump(mode="json", exclude={"schedule", "requests"})
    return hashlib.sha256(json.dumps(declared, sort_keys=True).encode()).hexdigest()[:12]


def last_pull(lake: Lake, source: str, origin: Pulled) -> PullRecord | None:
    """The newest pull of the source from that origin; None before the first."""
    columns = list(PullRecord.__dataclass_fields__)
    rows = lake.rows(
        f"select {', '.join(columns)} from lake.ops.pulls"  # noqa: S608 - constants
        " where source = ? and origin_hash = ? order by pulled_at desc, snapshot_id desc limit 1",
        [source, origin_hash(origin)],
    )
    return PullRecord(*rows[0]) if rows else None


def record_pull(lake: Lake, record: PullRecord) -> None:
    """Adds the row, unless a process that was killed has added it already."""
    with lake.write(f"pull {record.source}") as write:
        known = write.connection.execute(
            "select 1 from lake.ops.pulls where pull_id = ?", [record.pull_id]
        ).fetchone()
        if known:
            return
        values = {**vars(record), "snapshot_id": write.snapshot_id}
        selected = ", ".join(f"${name} as {name}" for name in values)
        write.connection.execute(
            f"insert into lake.ops.pulls by name select {selected}",
            values,
        )
