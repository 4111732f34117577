"""Pulling one source: fetch, land, record; killed at any moment, the next pull puts it right."""

import hashlib
import logging
import uuid
from dataclasses import dataclass
from datetime import datetime

from lakehouse.advisory_lock import AdvisoryLock
from lakehouse.errors import TidemarkError
from lakehouse.feeds.document import Feed
from lakehouse.feeds.origins import Http, Postgres, Pulled, Url
from lakehouse.landing.files import land_under
from lakehouse.pulls.context import Fetched, Job, PullContext
from lakehouse.pulls.http_api import described, fetch_http, shown_values
from lakehouse.pulls.postgres_rows import described_rows, fetch_postgres
from lakehouse.pulls.records import PullRecord, PullStatus, last_pull, origin_hash, record_pull
from lakehouse.pulls.secrets import MASK, filled
from lakehouse.pulls.spool import FinishedPull, Spool
from lakehouse.pulls.url_file import fetch_url
from lakehouse.sources import Source

_LOG = logging.getLogger(__name__)
_LOCK_SECONDS = 60


@dataclass(frozen=True)
class NextPull:
    """What the next pull of a source would ask for.

    Attributes:
        request: The request, secrets left out.
        cursor: How far the landed files reach; None without a cursor.
        last_at: When it was pulled last.
        missing: Environment variables that are not set.
    """

    source: str
    kind: str
    request: str
    cursor: str | None
    last_at: datetime | None
    missing: tuple[str, ...]


def next_pull(context: PullContext, feed: Feed) -> NextPull:
    """What the next pull would ask for, without asking."""
    origin = _pulled(feed)
    last = last_pull(context.lake, feed.name, origin)
    cursor = last.cursor if last else None
    return NextPull(
        source=feed.name,
        kind=origin.kind,
        request=_described(feed, origin, cursor, context.now()),
        cursor=cursor,
        last_at=last.pulled_at if last else None,
        missing=tuple(name for name in feed.variables if not context.variable(name)),
    )


def pull_source(context: PullContext, feed: Feed, source: Source) -> PullRecord:
    """Fetches what is new, lands it and records it; one pull of a source at a time.

    Args:
        context: The platform.
        feed: The source, one that is fetched.
        source: The raw table that it fills, with its sources.

    Raises:
        TidemarkError: Nothing could be fetched, and nothing has landed; or the answer landed but
            cannot be read as declared.
    """
    origin = _pulled(feed)
    url = context.lake.config.postgres_url.get_secret_value()
    with _lock(feed).held(url, feed.name, wait_seconds=_LOCK_SECONDS):
        spool = Spool(context.state_folder / "pulls" / feed.name)
        if left := spool.finished():
            _LOG.info("%s: carrying the pull %s to its end.", feed.name, left.record.pull_id)
            _carry_out(context, spool, left)
        spool.start()
        pulled_at = context.now()
        job = Job(
            feed=feed,
            source=source,
            context=context,
            spool=spool,
            last=last_pull(context.lake, feed.name, origin),
            pulled_at=pulled_at,
            pull_id=f"{pulled_at:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}",
        )
        finished = _finished(job, origin, _fetch(job, origin))
        spool.finish(finished)
        _carry_out(context, spool, finished)
    record = finished.record
    _LOG.info("%s: %s, %d files, cursor %s.", feed.name, record.status, record.files, record.cursor)
    if record.status == "unreadable":
        where = ", ".join(finished.files) or "an earlier pull's file"
        raise TidemarkError(
            f"The source '{feed.name}': its answer is not what its declaration says."
            f" {record.reason} It is kept as {where}.",
            hint="If the publisher has changed the form, change the declaration: the file is then"
            " read again by itself.",
        )
    return record


def _pulled(feed: Feed) -> Pulled:
    if feed.pulled is None:
        raise TidemarkError(
            f"The source '{feed.name}' is not pulled: its kind is '{feed.origin.kind}'.",
            hint="Only sources of kind http, postgres and url are fetched; others bring the rest.",
        )
    return feed.pulled


def _lock(feed: Feed) -> AdvisoryLock:
    digest = hashlib.sha256(f"tidemark pull {feed.name}".encode()).digest()
    return AdvisoryLock(
        title=f"The pull of '{feed.name}'",
        key=int.from_bytes(digest[:8], "big", signed=True),
        session="tidemark pull: ",
    )


def _fetch(job: Job, origin: Pulled) -> Fetched:
    if isinstance(origin, Http):
        return fetch_http(job, origin)
    if isinstance(origin, Postgres):
        return fetch_postgres(job, origin)
    return fetch_url(job, origin)


def _described(feed: Feed, origin: Pulled, cursor: str | None, now: datetime) -> str:
    if isinstance(origin, Http):
        return described(origin, shown_values(origin, cursor, now.date()))
    if isinstance(origin, Postgres):
        return described_rows(origin, cursor)
    return f"GET {filled(origin.url, {'token': MASK} if isinstance(origin, Url) else {})}"


def _finished(job: Job, origin: Pulled, fetched: Fetched) -> FinishedPull:
    """What is to land of it: nothing where the bytes are those of the pull before."""
    last = job.last
    same = last is not None and last.content_hash == fetched.content_hash
    files = {} if same else fetched.files
    status: PullStatus = "unreadable" if fetched.reason else "landed" if files else "unchanged"
    return FinishedPull(
        PullRecord(
            source=job.feed.name,
            pull_id=job.pull_id,
            kind=origin.kind,
            origin_hash=origin_hash(origin),
            request=fetched.request,
            status=status,
            files=len(files),
            bytes=sum(path.stat().st_size for path in files.values()),
            rows=fetched.rows if files else 0,
            cursor=fetched.cursor,
            content_hash=fetched.content_hash,
            validator=fetched.validator,
            reason=fetched.reason,
            pulled_at=job.pulled_at,
        ),
        {f"{job.feed.name}/{name}": path for name, path in files.items()},
    )


def _carry_out(context: PullContext, spool: Spool, pull: FinishedPull) -> None:
    land_under(pull.files, landing=context.landing, s3=context.lake.config.s3)
    record_pull(context.lake, pull.record)
    spool.clear()
