"""Asking HTTP servers: paced, with retries that honour Retry-After, bodies checked to be whole."""

import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import requests
import tenacity

from lakehouse.errors import TidemarkError
from lakehouse.feeds.origins import Requests
from lakehouse.pulls.secrets import masked

_LOG = logging.getLogger(__name__)
# What a cut leaves of a block is lost, and is asked for again.
_BLOCK = 1 << 16
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_WAIT = 300.0
_NETWORK_ERRORS = (
    requests.exceptions.ConnectionError,
    requests.exceptions.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)
_SHOWN = 200


class PassingError(Exception):
    """A failure that another try may not meet; `wait` is what the server asks for, in seconds."""

    def __init__(self, problem: str, wait: float | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.wait = wait


@dataclass(frozen=True)
class Answer:
    """A whole answer, its body in a file.

    Attributes:
        status: 200, 206 or 304.
        url: Where it came from, redirects followed.
        headers: Its headers, names in lower case.
    """

    status: int
    url: str
    headers: Mapping[str, str]

    @property
    def etag(self) -> str | None:
        """The ETag that a later request can name."""
        return self.headers.get("etag")


class _Session(requests.Session):
    """A session that sends the declared headers to the declared host only."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__()
        self._declared = headers
        # The bytes as they are: a server may else compress them on the way.
        self.headers.update({"User-Agent": "tidemark", "Accept-Encoding": "identity", **headers})
        # Else requests would put a .netrc's password in place of a declared header.
        self.auth = lambda request: request

    def rebuild_auth(
        self, prepared_request: requests.PreparedRequest, response: requests.Response
    ) -> None:
        """Leaves out what may hold a token where a redirect leads to another host."""
        super().rebuild_auth(prepared_request, response)  # type: ignore[no-untyped-call]
        if self.should_strip_auth(response.request.url or "", prepared_request.url or ""):  # type: ignore[no-untyped-call]
            for name in self._declared:
                prepared_request.headers.pop(name, None)


@dataclass
class Client:
    """Asks one source's server.

    Attributes:
        patience: How patiently and how often.
        headers: Sent with each request, secrets filled in.
        secrets: Values that no message may show.
        hint: What to do where the server refuses.
        sleep: Waits that many seconds.
    """

    patience: Requests
    headers: Mapping[str, str]
    secrets: Sequence[str]
    hint: str
    sleep: Callable[[float], None] = time.sleep
    _last: float = field(default=float("-inf"), init=False)

    def __post_init__(self) -> None:
        self._session = _Session(self.headers)

    def close(self) -> None:
        """Closes the connections."""
        self._session.close()

    def get(
        self,
        url: str,
        target: Path,
        *,
        parameters: Mapping[str, str] | None = None,
        resume: Callable[[], Mapping[str, str]] = dict,
        started: Callable[[Answer], None] = lambda _: None,
    ) -> Answer:
        """The answer, its body written to the target; tried again where that may help.

        Args:
            url: What to ask for.
            target: File for the body; added to where the answer is a part (status 206).
            parameters: Of the query.
            resume: Headers for the next try, asked for before each.
            started: Told of each answer before its body is written.

        Raises:
            TidemarkError: The server refuses, or all tries failed.
        """

        def tried() -> Answer:
            self._pace()
            return self._get(url, target, parameters, (resume(), started))

        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self.patience.attempts),
            wait=self._wait,
            retry=tenacity.retry_if_exception_type(PassingError),
            sleep=self.sleep,
            before_sleep=self._report,
            reraise=True,
        )
        try:
            return retrying(tried)
        except PassingError as error:
            shown = masked(url, self.secrets)
            tries = "once" if self.patience.attempts == 1 else f"{self.patience.attempts} times"
            raise TidemarkError(
                f"{shown}: {error.problem}; tried {tries}.",
                hint="The server or the network fails: pull again later. Nothing has landed.",
            ) from error

    def _pace(self) -> None:
        pause = self._last + 60 / self.patience.per_minute - time.monotonic()
        if pause > 0:
            self.sleep(pause)
        self._last = time.monotonic()

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, PassingError) and error.wait is not None:
            return error.wait
        return tenacity.wait_exponential_jitter(initial=1, max=60)(state)

    def _report(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        _LOG.warning(
            "Try %d failed (%s); the next is in %.1f s.",
            state.attempt_number,
            error,
            state.next_action.sleep if state.next_action else 0,
        )

    def _get(
        self,
        url: str,
        target: Path,
        parameters: Mapping[str, str] | None,
        resuming: tuple[Mapping[str, str], Callable[[Answer], None]],
    ) -> Answer:
        headers, started = resuming
        try:
            with self._session.get(
                url,
                params=parameters,
                headers=headers,
                timeout=self.patience.timeout_seconds,
                stream=True,
            ) as response:
                if response.status_code == 416:
                    # What is here is not a part of what is there.
                    target.unlink(missing_ok=True)
                    raise PassingError("the server has no such part of the file")
                self._check(response)
                answer = Answer(
                    response.status_code,
                    str(response.url),
                    {name.lower(): value for name, value in response.headers.items()},
                )
                started(answer)
                if answer.status != 304:
                    _write_body(response, target, append=answer.status == 206)
                return answer
        except requests.exceptions.SSLError as error:
            problem = masked(str(error), self.secrets)
            raise TidemarkError(
                f"{masked(url, self.secrets)}: its certificate cannot be trusted ({problem}).",
                hint="Add its authority to the system's certificates (REQUESTS_CA_BUNDLE).",
            ) from error
        except _NETWORK_ERRORS as error:
            # The error's own text may hold the URL, and with it a token.
            raise PassingError(_in_words(error)) from error

    def _check(self, response: requests.Response) -> None:
        if response.status_code in (200, 206, 304):
            return
        shown = masked(str(response.url), self.secrets)
        start = _start_of_body(response)
        problem = f"the server answers {response.status_code}" + (f" ({start})" if start else "")
        problem = masked(problem, self.secrets)
        if response.status_code not in _PASSING:
            raise TidemarkError(f"{shown}: {problem}.", hint=self.hint)
        wait = retry_after(response.headers.get("Retry-After"), datetime.now(UTC))
        if wait is not None and wait > _LONGEST_WAIT:
            raise TidemarkError(
                f"{shown}: {problem} and asks to wait {wait:.0f} s.",
                hint="Pull again after that, and lower requests.per_minute in the declaration.",
            )
        raise PassingError(problem, wait)


def retry_after(text: str | None, now: datetime) -> float | None:
    """The seconds that a Retry-After header asks for; None if it asks for nothing readable.

    >>> now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    >>> [retry_after(text, now) for text in ("7", "Sun, 01 Mar 2026 12:01:00 GMT", "")]
    [7.0, 60.0, None]
    """
    if not text:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - now).total_seconds())


def _write_body(response: requests.Response, target: Path, *, append: bool) -> None:
    written = 0
    if append:
        begins = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
        if begins is None or int(begins[1]) != target.stat().st_size:
            target.unlink()
            raise PassingError("the server sends another part of the file than asked for")
    with target.open("ab" if append else "wb") as file:
        for block in response.iter_content(_BLOCK):
            file.write(block)
            written += len(block)
    length = response.headers.get("Content-Length")
    if length and "Content-Encoding" not in response.headers and written != int(length):
        raise PassingError(f"the body ends after {written:,} of {int(length):,} bytes")


def _start_of_body(response: requests.Response) -> str:
    try:
        block: Any = next(response.iter_content(_SHOWN * 4), b"")
    except requests.exceptions.RequestException:
        return ""
    return " ".join(block.decode("utf-8", "replace").split())[:_SHOWN]


def _in_words(error: Exception) -> str:
    if isinstance(error, requests.exceptions.Timeout):
        return "the server does not answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the body ends before its end"
    return f"the connection fails ({type(error).__name__})"
