"""A Postgres of the system's packages that takes connections by TLS and password only."""

import getpass
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from tests.servers.certificates import Certificates
from tests.servers.listening import absent, free_port, process, wait_until_listening

_PASSWORD = "p@ss wörd"  # noqa: S105 - the test server's


@dataclass(frozen=True)
class TlsPostgres:
    """A server that listens on localhost."""

    port: int

    def url(self, authority: Path, *, sslmode: str = "verify-full") -> str:
        """Its URL for a client that trusts the authority."""
        return (
            f"postgresql://tidemark:{quote(_PASSWORD)}@localhost:{self.port}/postgres"
            f"?sslmode={sslmode}&sslrootcert={quote(str(authority))}"
        )


@contextmanager
def tls_postgres(folder: Path, certificates: Certificates) -> Iterator[TlsPostgres]:
    """The server for the block's time, run by an ordinary user: Postgres refuses root."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = str(found[-1]) if found else shutil.which("initdb")
    if initdb is None:
        absent("there is no Postgres with TLS (Debian: apt-get install postgresql)")
    user = "postgres" if os.geteuid() == 0 else getpass.getuser()
    data, port = folder / "data", free_port()
    for name in ("certificate", "key"):
        shutil.copy(getattr(certificates, name), folder / name)
    (folder / "password").write_text(_PASSWORD)
    (folder / "hba").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
    if os.geteuid() == 0:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, user, user)
    as_user = {"user": user, "group": user, "extra_groups": []} if os.geteuid() == 0 else {}
    subprocess.run(
        [
            initdb, "-D", data, "-U", "tidemark", "-A", "scram-sha-256", "--no-sync",
            "--pwfile", folder / "password", "-E", "UTF8", "--locale", "C",
        ],
        check=True, capture_output=True, cwd=folder, **as_user,
    )  # fmt: skip
    settings = {
        "port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "",
        "hba_file": folder / "hba", "fsync": "off", "ssl": "on",
        "ssl_cert_file": folder / "certificate", "ssl_key_file": folder / "key",
    }  # fmt: skip
    arguments = [f"--{name}={value}" for name, value in settings.items()]
    log = folder.with_name(f"{folder.name}.log")
    command = [Path(initdb).with_name("postgres"), "-D", data, *arguments]
    # SIGINT ends it at once; SIGTERM would wait for pooled connections.
    with process(command, log, stop=signal.SIGINT, cwd=folder, **as_user) as server:
        wait_until_listening(port, server, log)
        yield TlsPostgres(port)
    log.unlink()
