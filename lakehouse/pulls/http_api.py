"""Fetching from an HTTP API: each answer, or page, is a file as it came."""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from lakehouse.errors import TidemarkError
from lakehouse.feeds.document import Feed
from lakehouse.feeds.origins import Http, LinkedPages, NumberedPages
from lakehouse.landing.compression import UnreadableFileError
from lakehouse.pulls.client import Answer, Client
from lakehouse.pulls.context import Fetched, Job, hash_of
from lakehouse.pulls.cursor import later, newest, request_range
from lakehouse.pulls.reading import Content, Reader, reader
from lakehouse.pulls.secrets import MASK, filled, masked, secret

_MOST_PAGES = 10_000
_ENDINGS = {"json": "json", "csv": "csv", "ndjson": "jsonl", "parquet": "parquet", "tab": "tsv"}


@dataclass(frozen=True)
class _Request:
    """A URL and its parameters."""

    url: str
    parameters: Mapping[str, str]


def fetch_http(job: Job, origin: Http) -> Fetched:
    """All pages of the answer to the next request.

    A page that cannot be read as declared is kept, and ends the pull: the cursor stays where it
    was.

    Raises:
        TidemarkError: The server refuses or fails, or a variable is not set.
    """
    values = _values(job, origin)
    secrets = [values["token"]] if origin.token else []
    shown = described(origin, values | ({"token": MASK} if origin.token else {}))
    client = Client(
        origin.requests,
        {name: filled(text, values) for name, text in origin.headers.items()},
        secrets,
        hint=_hint(job.feed, origin),
        sleep=job.context.sleep,
    )
    first = _Request(
        filled(origin.url, values),
        {name: filled(text, values) for name, text in origin.parameters.items()},
    )
    with closing(client), reader(job.source, job.context.lake.config) as files:
        return _Pages(job, origin, client, files).fetch(first, shown)


def described(origin: Http, values: Mapping[str, str]) -> str:
    """The request in words, secrets left out."""
    parameters = {name: filled(text, values) for name, text in origin.parameters.items()}
    query = f"?{urlencode(parameters, safe='*')}" if parameters else ""
    return f"GET {filled(origin.url, values)}{query}"


def shown_values(origin: Http, last: str | None, today: date) -> dict[str, str]:
    """What the placeholders stand for in the next request, the token masked."""
    values = {"token": MASK} if origin.token else {}
    return values | (request_range(origin.incremental, last, today) if origin.incremental else {})


def _values(job: Job, origin: Http) -> dict[str, str]:
    last = job.last.cursor if job.last else None
    values = shown_values(origin, last, job.pulled_at.date())
    if origin.token:
        values["token"] = secret(job.feed, origin.token, job.context.variable)
    return values


def _hint(feed: Feed, origin: Http) -> str:
    token = f"Check that {origin.token} holds a valid token" if origin.token else "Check the URL"
    return f"{token}, and the source '{feed.name}' against the service's documentation."


class _Pages:
    """Fetches the pages of one answer, and what they hold."""

    def __init__(self, job: Job, origin: Http, client: Client, files: Reader) -> None:
        self._job = job
        self._origin = origin
        self._client = client
        self._reader = files

    def fetch(self, first: _Request, shown: str) -> Fetched:
        cursor = self._origin.incremental
        files: dict[str, Path] = {}
        rows = 0
        reach = self._job.last.cursor if self._job.last else None
        reason = None
        for number, path, answer in self._pages(first):
            name = self._job.dated_name(self._ending(answer), number)
            try:
                content = self._content(path, name)
            except UnreadableFileError as error:
                files[name], reason = path, error.message
                break
            if not content.rows:
                break
            files[name] = path
            rows += content.rows
            if cursor is not None:
                found = newest(cursor, content.values, self._job.pulled_at.date())
                if found is None:
                    reason = self._no_cursor(content)
                    break
                reach = later(cursor, reach, found)
        if reason is not None:
            reach = self._job.last.cursor if self._job.last else None
        digest = hash_of(list(files.values()))
        return Fetched(shown, files, rows, reach, digest, reason=reason)

    def _pages(self, first: _Request) -> Iterator[tuple[int | None, Path, Answer]]:
        """Each page's number (None for the only one), file and answer, until there is no next."""
        pages = self._origin.pages
        request: _Request | None = first
        before = None
        for number in range(_MOST_PAGES):
            if request is None:
                return
            path = self._job.spool.files / f"{number:05}"
            answer = self._client.get(
                request.url, path, parameters=self._with_page(request.parameters, number)
            )
            digest = hash_of([path])
            if digest == before:
                raise TidemarkError(
                    f"{self._job.feed.name}: page {number + 1} is the same as the one before.",
                    hint="Check `pages` in the source's declaration; nothing has landed.",
                )
            before = digest
            yield (None if pages is None else number + 1), path, answer
            request = self._next(request, path, answer)
        raise TidemarkError(
            f"{self._job.feed.name}: more than {_MOST_PAGES:,} pages; nothing has landed.",
            hint="Ask for less at once: narrow `incremental`, or take larger pages.",
        )

    def _with_page(self, parameters: Mapping[str, str], number: int) -> Mapping[str, str]:
        pages = self._origin.pages
        if isinstance(pages, NumberedPages):
            return {**parameters, pages.parameter: str(pages.first + number * pages.step)}
        return parameters

    def _next(self, request: _Request, path: Path, answer: Answer) -> _Request | None:
        pages = self._origin.pages
        if isinstance(pages, NumberedPages):
            return request
        if not isinstance(pages, LinkedPages):
            return None
        link = _field(json.loads(path.read_bytes()), pages.field)
        if not link:
            return None
        url = urljoin(answer.url, str(link))
        if urlsplit(url).netloc != urlsplit(answer.url).netloc:
            raise TidemarkError(
                f"{self._job.feed.name}: the next page is said to be at another host,"
                f" {masked(url, self._client.secrets)}.",
                hint="The token would go there too; check `pages.field`.",
            )
        return _Request(url, {})

    def _content(self, path: Path, name: str) -> Content:
        cursor = self._origin.incremental
        key = f"{self._job.feed.name}/{name}"
        return self._reader.content(path, key, cursor.column if cursor else None)

    def _no_cursor(self, content: Content) -> str:
        cursor = self._origin.incremental
        example = next((value for value in content.values if value is not None), None)
        form = "a whole number" if cursor is None or cursor.format is None else (
            f"a date of the form {cursor.format}"
        )  # fmt: skip
        column = cursor.column if cursor else ""
        return f"None of its values of '{column}' is {form}; one is {example!r}."

    def _ending(self, answer: Answer) -> str:
        declared = self._job.feed.detected_by.format
        if declared is not None:
            return declared
        kind = answer.headers.get("content-type", "").lower()
        return next((ending for word, ending in _ENDINGS.items() if word in kind), "txt")


def _field(document: Any, path: str) -> Any:
    """What stands at the dotted path; None if there is nothing."""
    for part in path.split("."):
        document = document.get(part) if isinstance(document, dict) else None
    return document
