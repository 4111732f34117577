"""Fetching one file from a URL, resumed where it was cut, checked against its checksum."""

import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lakehouse.errors import TidemarkError
from lakehouse.feeds.origins import Url
from lakehouse.pulls.client import Answer, Client
from lakehouse.pulls.context import Fetched, Job, hash_of
from lakehouse.pulls.secrets import MASK, filled, secret

_BLOCK = 1 << 20


def fetch_url(job: Job, origin: Url) -> Fetched:
    """The file, or nothing where it has not changed since the last pull.

    What a cut download has brought stays in the spool, and the next try, or pull, asks for the
    rest; the server's ETag tells whether it still belongs to the same file.

    Raises:
        TidemarkError: The server refuses or fails, or the checksum is another one; nothing lands.
    """
    values = {"token": secret(job.feed, origin.token, job.context.variable)} if origin.token else {}
    shown = f"GET {filled(origin.url, dict.fromkeys(values, MASK))}"
    if job.last and origin.checksum == f"sha256:{job.last.content_hash}":
        return _unchanged(job, shown)
    client = Client(
        origin.requests,
        {name: filled(text, values) for name, text in origin.headers.items()},
        list(values.values()),
        hint=f"Check `from` of the source '{job.feed.name}'"
        + (f" and the variable {origin.token}." if origin.token else "."),
        sleep=job.context.sleep,
    )
    download = _Download(job.spool.partial, filled(origin.url, values), job)
    with closing(client):
        answer = client.get(
            filled(origin.url, values),
            download.path,
            resume=download.resume,
            started=download.started,
        )
    if answer.status == 304:
        return _unchanged(job, shown)
    _check(download.path, origin, job)
    target = job.spool.files / "file"
    download.path.replace(target)
    download.forget()
    name = file_name(origin.url)
    if origin.on_change == "keep":
        name = f"{job.pulled_at:%Y/%m}/{job.pull_id}_{name}"
    files = {name: target}
    return Fetched(shown, files, None, None, hash_of([target]), answer.etag)


def file_name(url: str) -> str:
    """The name that the file of a URL lands under.

    >>> file_name("https://host/data/All%20Beauty.jsonl.gz?download=true")
    'All_Beauty.jsonl.gz'
    """
    name = unquote(urlsplit(url).path).rstrip("/").rpartition("/")[2]
    return re.sub(r"[^\w.-]+", "_", name).lstrip(".") or "file"


class _Download:
    """A download that may have begun in an earlier try, or pull."""

    def __init__(self, folder: Path, url: str, job: Job) -> None:
        name = hashlib.sha256(url.encode()).hexdigest()[:16]
        self.path = folder / name
        self._notes = folder / f"{name}.json"
        self._known = job.last.validator if job.last else None

    def resume(self) -> Mapping[str, str]:
        """Headers that ask for what is missing, or only for a file that has changed."""
        if self.path.exists() and (validator := self._validator()):
            return {
                "Range": f"bytes={self.path.stat().st_size}-",
                "If-Range": validator,
            }
        self.path.unlink(missing_ok=True)
        return {"If-None-Match": self._known} if self._known else {}

    def started(self, answer: Answer) -> None:
        """Remembers which version of the file the bytes belong to that come now."""
        if answer.status == 200:
            # First, or a kill in between would take the bytes before for a part of this version.
            self.path.unlink(missing_ok=True)
            self._notes.write_text(json.dumps({"etag": answer.etag}))

    def forget(self) -> None:
        """Removes what is left of the download."""
        self._notes.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def _validator(self) -> str | None:
        try:
            etag = json.loads(self._notes.read_text())["etag"]
        except (FileNotFoundError, ValueError):
            return None
        # A weak one does not promise the same bytes.
        return etag if isinstance(etag, str) and not etag.startswith("W/") else None


def _check(path: Path, origin: Url, job: Job) -> None:
    if origin.checksum is None:
        return
    algorithm, _, wanted = origin.checksum.partition(":")
    with path.open("rb") as content:
        found = hashlib.file_digest(content, algorithm).hexdigest()
    if found != wanted:
        size = path.stat().st_size
        path.unlink()
        raise TidemarkError(
            f"{job.feed.name}: the {algorithm} of the {size:,} bytes is {found}, not {wanted};"
            " nothing has landed.",
            hint="If the publisher has a new version, put its checksum into the declaration.",
        )


def _unchanged(job: Job, shown: str) -> Fetched:
    last = job.last
    return Fetched(
        shown, {}, None, None, last.content_hash if last else "", last.validator if last else None
    )
