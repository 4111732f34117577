"""The server as a process: asked over HTTP, and killed between events."""

import json
import sys
from pathlib import Path

import pytest
import requests

from lakehouse.config import S3Config
from lakehouse.errors import TidemarkError
from lakehouse.feeds.document import Feed
from lakehouse.webhook.server import inlets, sole_server
from tests.servers.listening import Server, free_port

SECRET = "s3cret-of-the-test"  # noqa: S105 - of a server of its own
_SERVE = """
import sys
from pathlib import Path
import uvicorn
from lakehouse.config import S3Config
from lakehouse.feeds.document import Feed
from lakehouse.webhook.server import inlets, webhook_app
folder, port = Path(sys.argv[1]), int(sys.argv[2])
feed = Feed.model_validate({"name": "shop", "from": {
    "kind": "webhook", "secret": "SHOP_SECRET", "max_kilobytes": 1, "batch_seconds": 3600}})
found = inlets({"shop": feed}, folder=folder / "spool", landing=str(folder / "landing"),
    s3=S3Config(), variable=lambda name: "s3cret-of-the-test")
uvicorn.run(webhook_app(found), host="127.0.0.1", port=port, log_level="warning")
"""


def _server(folder: Path) -> Server:
    port = free_port()
    command = [sys.executable, "-c", _SERVE, str(folder), str(port)]
    return Server(command, port, folder / "log")


def _landed(folder: Path) -> list[int]:
    files = sorted((folder / "landing").rglob("*.jsonl"))
    return sorted(json.loads(line)["n"] for file in files for line in file.read_text().splitlines())


def test_every_event_that_was_taken_lands_also_after_kills(tmp_path: Path) -> None:
    server = _server(tmp_path)
    url = f"http://127.0.0.1:{server.port}/shop"
    header = {"Authorization": f"Bearer {SECRET}"}
    taken = []
    with server.running_inside():
        for number in range(6):
            answer = requests.post(url, json={"n": number}, headers=header, timeout=10)
            assert (answer.status_code, answer.json()) == (200, {"events": 1})
            taken.append(number)
            if number % 2:
                server.kill()
                server.start()
        refused = {
            401: requests.post(url, json={"n": 90}, timeout=10),
            413: requests.post(url, json={"n": 91, "t": "x" * 2000}, headers=header, timeout=10),
            400: requests.post(url, data=b"[1]", headers=header, timeout=10),
        }
        assert {answer.status_code for answer in refused.values()} == set(refused)
        unknown = requests.post(f"{url}s", json={"n": 92}, headers=header, timeout=10)
        assert (unknown.status_code, unknown.text) == (401, refused[401].text)
        several = requests.post(url, data=b'[{"n": 6},\n {"n": 7}]', headers=header, timeout=10)
        assert several.json() == {"events": 2}
    # Asked to end, it lands what it has; a killed one's events landed at the next start.
    assert _landed(tmp_path) == [*taken, 6, 7]


def test_without_a_secret_or_a_source_no_server_starts(tmp_path: Path) -> None:
    def found(feeds: dict[str, Feed]) -> object:
        return inlets(
            feeds, folder=tmp_path, landing=str(tmp_path), s3=S3Config(), variable=lambda _: None
        )

    webhook = {"name": "shop", "from": {"kind": "webhook", "secret": "SHOP_SECRET"}}
    with pytest.raises(TidemarkError, match="SHOP_SECRET, which is not set"):
        found({"shop": Feed.model_validate(webhook)})
    with pytest.raises(TidemarkError, match="No source takes events"):
        found({"files": Feed(name="files")})


def test_two_servers_do_not_share_a_folder(tmp_path: Path) -> None:
    with (
        sole_server(tmp_path),
        pytest.raises(TidemarkError, match="Another webhook server"),
        sole_server(tmp_path),
    ):
        pytest.fail("entered twice")
