"""The HTTP server that takes events: `POST /<source>` with the source's secret."""

import asyncio
import fcntl
import hmac
import json
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse.config import S3Config
from lakehouse.errors import TidemarkError
from lakehouse.feeds.document import Feed
from lakehouse.feeds.origins import Webhook
from lakehouse.landing.files import land_under
from lakehouse.pulls.secrets import ReadVariable, secret
from lakehouse.webhook.events import NotEventsError, events_in
from lakehouse.webhook.journal import Journal, check_land

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

_LOG = logging.getLogger(__name__)


class Inlet:
    """One source that events are posted to."""

    def __init__(self, feed: Feed, origin: Webhook, journal: Journal, secret_value: str) -> None:
        self.name = feed.name
        self.limit = origin.max_kilobytes * 1024
        self.journal = journal
        self._header = f"Bearer {secret_value}".encode()

    def may(self, authorization: str | None) -> bool:
        """Whether the header holds the secret; takes as long for a wrong one as for the right."""
        return hmac.compare_digest((authorization or "").encode("utf-8", "replace"), self._header)


def inlets(
    feeds: Mapping[str, Feed], *, folder: Path, landing: str, s3: S3Config, variable: ReadVariable
) -> dict[str, Inlet]:
    """The sources that take events, by name, with what a killed server has left recovered.

    Args:
        feeds: All declared sources.
        folder: Local folder for events that have not landed.
        landing: The landing zone's root.
        s3: Access to it.
        variable: Reads an environment variable.

    Raises:
        TidemarkError: No source is a webhook, or a secret is not set.
    """

    def land(files: dict[str, Path]) -> None:
        land_under(files, landing=landing, s3=s3)

    found = {}
    for feed in feeds.values():
        if isinstance(origin := feed.origin, Webhook):
            value = secret(feed, origin.secret, variable)
            size = origin.batch_kilobytes * 1024
            journal = Journal(feed.name, folder / feed.name, land, origin.batch_seconds, size)
            journal.recover()
            found[feed.name] = Inlet(feed, origin, journal, value)
    if not found:
        raise TidemarkError(
            "No source takes events.",
            hint="Declare one in sources/ with `from: {kind: webhook, secret: <VARIABLE>}`.",
        )
    return found


@contextmanager
def sole_server(folder: Path) -> Iterator[None]:
    """Keeps other servers from the folder's events inside the block."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise TidemarkError(
                f"Another webhook server has the events in {folder}.",
                hint="One server takes the events of all sources: end one of the two.",
            ) from error
        yield


def webhook_app(found: Mapping[str, Inlet]) -> "Starlette":
    """The server's application; it lands what is due every second, and the rest at its end."""
    from starlette.applications import Starlette
    from starlette.routing import Route

    async def land_each(*, now: bool = False) -> None:
        for inlet in found.values():
            await asyncio.to_thread(check_land, inlet.journal, now=now)

    async def land_forever() -> None:
        while True:
            await asyncio.sleep(1)
            await land_each()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(land_forever())
        yield
        task.cancel()
        await land_each(now=True)

    async def take(request: "Request") -> "Response":
        return await _take(request, found)

    async def health(_: "Request") -> "Response":
        return _answer(200, sources=list(found))

    return Starlette(
        routes=[
            Route("/health", health, methods=["GET"]),
            Route("/{source}", take, methods=["POST"]),
        ],
        lifespan=lifespan,
    )


async def _take(request: "Request", found: Mapping[str, Inlet]) -> "Response":
    inlet = found.get(request.path_params["source"])
    if inlet is None or not inlet.may(request.headers.get("authorization")):
        # One answer for both: who has no secret learns no names.
        return _answer(401, error="unknown source, or not its secret")
    body = await _body(request, inlet.limit)
    if body is None:
        return _answer(413, error=f"more than {inlet.limit // 1024} KiB; nothing was taken")
    try:
        events = events_in(body)
    except NotEventsError as error:
        return _answer(400, error=f"{error}; nothing was taken")
    try:
        await asyncio.to_thread(inlet.journal.append, events)
    except OSError as error:
        _LOG.exception("%s: %d events could not be written.", inlet.name, len(events))
        return _answer(503, error=f"{error.strerror}; nothing was taken, send it again")
    return _answer(200, events=len(events))


async def _body(request: "Request", limit: int) -> bytes | None:
    """The body; None as soon as it is over the limit."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            return None
        parts.append(part)
    return b"".join(parts)


def _answer(status: int, **content: object) -> "Response":
    from starlette.responses import Response

    return Response(json.dumps(content) + "\n", status, media_type="application/json")
