"""A proxy that remembers the requests that went through it, for what clients really send."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from lakehouse.config import S3Config


@dataclass(frozen=True)
class Request:
    """A request: its method, decoded query, path, and headers with names in lower case."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]


@dataclass
class Recorder:
    """The requests so far, and how to reach the server behind through the proxy."""

    s3: S3Config
    requests: list[Request] = field(default_factory=list)

    def of(self, *methods: str) -> list[Request]:
        """The requests of those methods."""
        return [request for request in self.requests if request.method in methods]


@contextmanager
def recorded(s3: S3Config) -> Iterator[Recorder]:
    """Stands before the server for the block's time."""
    upstream = urlsplit(str(s3.endpoint)).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _forward(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = parse_qs(parts.query, keep_blank_values=True)
            recorder.requests.append(Request(self.command, parts.path, query, headers))
            body = self.rfile.read(int(headers.get("content-length", 0)))
            # The host stays as the client has signed it.
            behind = HTTPConnection(upstream)
            behind.request(self.command, self.path, body, dict(self.headers.items()))
            answer = behind.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                    self.send_header(name, value)
            length = len(content) if self.command != "HEAD" else answer.getheader("content-length")
            if length is not None:
                self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(content)
            behind.close()

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _forward  # noqa: N815 - http.server's

        def log_message(self, *_: object) -> None:
            """Says nothing: what went through is in `requests`."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        endpoint = f"http://127.0.0.1:{server.server_port}"
        recorder = Recorder(s3.model_copy(update={"endpoint": endpoint}))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield recorder
        finally:
            server.shutdown()
