from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse.errors import TidemarkError
from lakehouse.feeds.origins import Requests
from lakehouse.pulls.client import Client
from tests.servers.api import Api, Reply, api_server

TOKEN = "s3cr3t/t0ken"  # noqa: S105 - nobody else's


@pytest.fixture
def api() -> Iterator[Api]:
    with api_server() as server:
        server.serve = lambda _: Reply(b"the body", headers={"ETag": '"1"'})
        yield server


class Asking:
    """A client with a recorded clock."""

    def __init__(self, tmp_path: Path, *, attempts: int = 4, headers: dict[str, str] | None = None):
        self.slept: list[float] = []
        self.target = tmp_path / "body"
        patience = Requests(per_minute=6000, attempts=attempts, timeout_seconds=0.3)
        secrets = [TOKEN]
        self.client = Client(patience, headers or {}, secrets, "Check it.", self.slept.append)

    def get(self, url: str) -> bytes:
        self.client.get(url, self.target)
        return self.target.read_bytes()

    @property
    def waits(self) -> list[float]:
        """Waits between tries; pauses for the rate are shorter."""
        return [seconds for seconds in self.slept if seconds > 0.02]


def test_an_answer_is_written_byte_for_byte(api: Api, tmp_path: Path) -> None:
    assert Asking(tmp_path).get(api.url) == b"the body"
    assert api.asked[0].headers["accept-encoding"] == "identity"


def test_too_many_requests_wait_as_long_as_the_server_asks(api: Api, tmp_path: Path) -> None:
    api.script = [Reply(status=429, headers={"Retry-After": "7"}), Reply(b"sorry", 500)]
    asking = Asking(tmp_path)
    assert asking.get(api.url) == b"the body"
    assert asking.waits[0] == 7
    assert 1 <= asking.waits[1] <= 60


def test_a_wait_of_hours_is_told_and_not_waited_for(api: Api, tmp_path: Path) -> None:
    api.script = [Reply(status=429, headers={"Retry-After": "7200"})]
    asking = Asking(tmp_path)
    with pytest.raises(TidemarkError, match="asks to wait 7200 s"):
        asking.get(api.url)
    assert asking.waits == []


def test_a_cut_body_is_asked_for_again(api: Api, tmp_path: Path) -> None:
    api.script = [Reply(b"the whole body", sent=5)]
    assert Asking(tmp_path).get(api.url) == b"the body"
    assert len(api.asked) == 2


def test_a_server_that_stays_silent_fails_after_all_tries(api: Api, tmp_path: Path) -> None:
    api.script = [Reply(b"late", delay=0.6)] * 2
    with pytest.raises(TidemarkError, match="does not answer in time; tried 2 times"):
        Asking(tmp_path, attempts=2).get(api.url)
    assert len(api.asked) == 2


def test_a_refusal_is_not_repeated_and_shows_no_secret(api: Api, tmp_path: Path) -> None:
    api.serve = lambda asked: Reply(f"bad token {TOKEN}".encode(), 403)
    with pytest.raises(TidemarkError) as caught:
        Asking(tmp_path).get(f"{api.url}/s3cr3t%2Ft0ken/x")
    assert "403" in caught.value.message
    assert "***" in caught.value.message
    assert "s3cr3t" not in str(caught.value)
    assert len(api.asked) == 1


def test_a_failed_connection_shows_no_secret(tmp_path: Path) -> None:
    with pytest.raises(TidemarkError) as caught:
        Asking(tmp_path, attempts=1).get(f"http://127.0.0.1:9/{TOKEN}")
    assert "s3cr3t" not in str(caught.value)
    assert "tried once" in caught.value.message


def test_a_redirect_to_another_host_does_not_carry_the_headers(api: Api, tmp_path: Path) -> None:
    with api_server() as other:
        other.serve = lambda _: Reply(b"from elsewhere")
        # Another name for this machine is another host.
        elsewhere = other.url.replace("127.0.0.1", "localhost")
        api.script = [Reply(status=302, headers={"Location": elsewhere})]
        asking = Asking(tmp_path, headers={"X-Token": TOKEN})
        assert asking.get(api.url) == b"from elsewhere"
        assert api.asked[0].headers["x-token"] == TOKEN
        assert "x-token" not in other.asked[0].headers


def test_requests_keep_their_distance(api: Api, tmp_path: Path) -> None:
    asking = Asking(tmp_path)
    object.__setattr__(asking.client, "patience", Requests(per_minute=60))
    for _ in range(2):
        asking.get(api.url)
    assert len(asking.slept) == 1
    assert 0.5 < asking.slept[0] <= 1
