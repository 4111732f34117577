"""An HTTP proxy before an S3 server that fails on demand, as networks and servers do."""

import http.client
import random
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

# "refused": nothing listens; "slow": every answer waits; "500", "503": the server's own errors;
# "cut": the connection is reset in the middle of a request or an answer.
FAULTS = ("refused", "slow", "500", "503", "cut")
_RESET = struct.pack("ii", 1, 0)


class FaultProxy:
    """Forwards to the server; `fault` says what goes wrong now (None: nothing).

    Attributes:
        url: Where clients reach the server through the proxy.
        uploads: How many uploads are on their way at this moment.
        requests: How many requests went through or failed.
    """

    def __init__(self, upstream: str, seed: int) -> None:
        self._upstream = urlsplit(upstream).netloc
        self._chance = random.Random(seed)  # noqa: S311 - faults are no secrets
        self._fault: str | None = None
        self.uploads = 0
        self.requests = 0
        self.faults = 0
        self._guard = threading.Lock()
        self._port = 0
        self._server = self._listening()
        self.url = f"http://127.0.0.1:{self._port}"

    @property
    def fault(self) -> str | None:
        """What goes wrong now."""
        return self._fault

    @fault.setter
    def fault(self, kind: str | None) -> None:
        if kind == "refused" and self._fault != "refused":
            self.close()
        elif kind != "refused" and self._fault == "refused":
            self._server = self._listening()
        self._fault = kind

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()

    def _listening(self) -> ThreadingHTTPServer:
        proxy = self

        class Handler(_Handler):
            owner = proxy

        server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        server.daemon_threads = True
        self._port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return server

    def count(self, *, uploads: int = 0, requests: int = 0, faults: int = 0) -> None:
        """Adds to the counters."""
        with self._guard:
            self.uploads += uploads
            self.requests += requests
            self.faults += faults

    def hits(self) -> bool:
        """Whether this request is one that fails: half of them, so that retries can help."""
        with self._guard:
            return self._chance.random() < 0.5

    def connection(self) -> http.client.HTTPConnection:
        """A connection to the server."""
        return http.client.HTTPConnection(self._upstream, timeout=60)


class _Handler(BaseHTTPRequestHandler):
    owner: FaultProxy
    protocol_version = "HTTP/1.1"

    def _forward(self) -> None:
        proxy = self.owner
        size = int(self.headers.get("Content-Length", 0))
        proxy.count(requests=1, uploads=1 if size else 0)
        try:
            fault = proxy.fault
            if fault is not None and (fault == "slow" or proxy.hits()):
                proxy.count(faults=1)
                if self._failed(fault, size):
                    return
            self._answer(self.rfile.read(size))
        finally:
            proxy.count(uploads=-1 if size else 0)

    def _failed(self, fault: str, size: int) -> bool:
        """Does what the fault is; False where the request goes on afterwards."""
        if fault == "slow":
            time.sleep(0.3)
            return False
        if fault in ("500", "503"):
            self.rfile.read(size)
            code = {"500": "InternalError", "503": "SlowDown"}[fault]
            body = f"<Error><Code>{code}</Code><Message>planted</Message></Error>".encode()
            self.send_response_only(int(fault))
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
            return True
        self.rfile.read(size // 2)
        self._reset()
        return True

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.close_connection = True
        self.connection.close()

    def _answer(self, body: bytes) -> None:
        upstream = self.owner.connection()
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                # The body has been asked for and read already.
                if name.lower() != "expect":
                    upstream.putheader(name, value)
            upstream.endheaders(body or None)
            answer = upstream.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            # The server is gone: so is the connection to it.
            self._reset()
            return
        finally:
            upstream.close()
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else len(content)
        self.send_header("Content-Length", str(length or 0))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _forward  # noqa: N815 - the names that http.server calls

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            # The client is gone, or has just been reset.
            self.close_connection = True

    def finish(self) -> None:
        try:
            super().finish()
        except (OSError, ValueError):
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Says nothing."""
