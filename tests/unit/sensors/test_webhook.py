"""The webhook takes JSON, is tried again, and never breaks what it reports on."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from sensors import webhook
from sensors.webhook import post_alert

ALERT = {"kind": "run_failed", "message": "größer"}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    waits = []
    monkeypatch.setattr(webhook.time, "sleep", waits.append)
    return waits


@pytest.fixture
def serve():
    """Starts a server that answers with the codes in turn; gives its URL and what it received."""
    running = []

    def start(*codes: int):
        received = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.append((self.headers["Content-Type"], body))
                self.send_response(codes[len(received) - 1])
                self.end_headers()

            def log_message(self, *_):
                """Nothing: requests are in `received`."""

        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}/hook?token=hidden", received

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_alert_arrives_once_as_json(serve):
    url, received = serve(200)
    assert post_alert(url, ALERT) is True
    ((kind, body),) = received
    assert kind == "application/json"
    assert json.loads(body) == ALERT


def test_two_failures_are_tried_again_and_the_third_try_counts(serve, no_waiting, caplog):
    url, received = serve(500, 500, 200)
    assert post_alert(url, ALERT) is True
    assert len(received) == 3
    assert no_waiting[0] < no_waiting[1]
    assert "try 2" in caplog.text


def test_a_webhook_that_refuses_is_logged_and_given_up_without_its_token(serve, caplog):
    url, received = serve(500, 403, 500)
    assert post_alert(url, ALERT) is False
    assert len(received) == 3
    assert "403" in caplog.text
    assert "hidden" not in caplog.text


def test_a_dead_port_is_logged_and_not_raised(caplog):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert post_alert(f"http://127.0.0.1:{port}/?token=hidden", ALERT) is False
    assert "did not take try 3" in caplog.text
    assert "hidden" not in caplog.text


def test_what_is_no_url_is_logged_not_raised(caplog):
    assert post_alert("not a url", {"kind": "test"}) is False
    assert "TIDEMARK_ALERT_WEBHOOK" in caplog.text


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:port-hidden/x",
        "http://127.0.0.1:1/a hidden token",
        "http://127.0.0.1:1/hidden\ntoken",
        "http://127.0.0.1:1/hidden-ñ",
        "mailto:hidden",
    ],
)
def test_an_odd_url_is_logged_without_itself(url, caplog):
    assert post_alert(url, ALERT) is False
    assert "TIDEMARK_ALERT_WEBHOOK" in caplog.text or "did not take" in caplog.text
    assert "hidden" not in caplog.text
