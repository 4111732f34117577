"""An HTTP server on this machine that answers as scripted, or as well-known services do."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    """A request: its path, decoded query, and headers with names in lower case."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Reply:
    """An answer; `sent` cuts its body after so many bytes, `delay` holds it back for seconds."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    sent: int | None = None
    delay: float = 0.0


@dataclass
class Api:
    """The server: first the scripted replies, each once, then what `serve` says."""

    url: str
    serve: Callable[[Asked], Reply] = lambda _: Reply(b"nothing here", 404)
    script: list[Reply] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def api_server() -> Iterator[Api]:
    """The server, for the block's time."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(parts.path, query, headers)
            api.asked.append(asked)
            reply = api.script.pop(0) if api.script else api.serve(asked)
            time.sleep(reply.delay)
            try:
                self.send_response(reply.status)
                length = {"Content-Length": str(len(reply.body))} if reply.status != 304 else {}
                for name, value in {**length, **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body[: reply.sent])
            except (BrokenPipeError, ConnectionResetError):
                # The client did not wait.
                return

        do_PUT = do_GET  # noqa: N815 - http.server's name

        def log_message(self, *_: object) -> None:
            """Writes nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    api = Api(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def sie(values: Mapping[date, str], *, token: str, key: str = "dato") -> Callable[[Asked], Reply]:
    """Banxico's SIE: the observations of a range of days, day-first, for who has the token.

    Args:
        values: Value as text by day; may be changed while the server runs.
        token: What the header `Bmx-Token` must hold.
        key: Name of the value's field.
    """

    def serve(asked: Asked) -> Reply:
        if asked.headers.get("bmx-token") != token:
            error = {"error": {"mensaje": "Token inválido", "detalle": "El token es inválido."}}
            return Reply(json.dumps(error).encode(), 401)
        found = re.fullmatch(r"/series/(\w+)/datos/([\d-]+)/([\d-]+)", asked.path)
        assert found is not None, asked.path
        begin, end = date.fromisoformat(found[2]), date.fromisoformat(found[3])
        rows = [
            {"fecha": f"{day:%d/%m/%Y}", key: value}
            for day, value in sorted(values.items())
            if begin <= day <= end
        ]
        series = {"idSerie": found[1], "titulo": "Tipo de cambio"} | (
            {"datos": rows} if rows else {}
        )
        body = json.dumps({"bmx": {"series": [series]}}, ensure_ascii=False).encode()
        return Reply(body, headers={"Content-Type": "application/json;charset=UTF-8"})

    return serve


def instance_metadata(access_key: str, secret_key: str) -> Callable[[Asked], Reply]:
    """EC2's instance metadata of a machine whose role has these keys, of no session."""
    role = "/latest/meta-data/iam/security-credentials"
    keys = {
        "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2026-01-01T00:00:00Z",
        "AccessKeyId": access_key, "SecretAccessKey": secret_key, "Token": "",
        "Expiration": "2999-01-01T00:00:00Z",
    }  # fmt: skip
    answers = {
        "/latest/api/token": b"a token",
        role: b"tidemark",
        f"{role}/tidemark": json.dumps(keys).encode(),
    }

    def serve(asked: Asked) -> Reply:
        body = answers.get(asked.path.rstrip("/"))
        return Reply(b"", 404) if body is None else Reply(body)

    return serve


def ranged(content: bytes, etag: str) -> Callable[[Asked], Reply]:
    """A file that can be asked for in parts, and only if it has changed."""

    def serve(asked: Asked) -> Reply:
        headers = {"ETag": etag}
        if asked.headers.get("if-none-match") == etag:
            return Reply(status=304, headers=headers)
        part = re.fullmatch(r"bytes=(\d+)-", asked.headers.get("range", ""))
        if part is None or asked.headers.get("if-range") != etag:
            return Reply(content, headers=headers)
        begin = int(part[1])
        if begin >= len(content):
            return Reply(status=416, headers=headers)
        span = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        return Reply(content[begin:], 206, {**headers, "Content-Range": span})

    return serve
