"""Postgres: reachable, encrypted on the way, and what the platform may do there."""

import uuid
from datetime import UTC, datetime

import psycopg
from psycopg import sql

from dagster_project.doctor.finding import Finding, Findings
from lakehouse.postgres_client import is_local

_AREA = "postgres"
_MOST_SKEW_SECONDS = 5.0


def check_tls(connection: psycopg.Connection) -> Findings:
    """Whether the way to a server on another machine is encrypted and the server is known."""
    info = connection.info
    if is_local(info.host):
        yield Finding(_AREA, "good", "the server is on this machine")
        return
    row = connection.execute("select ssl from pg_stat_ssl where pid = pg_backend_pid()").fetchone()
    if row is None or not row[0]:
        yield Finding(
            _AREA,
            "warning",
            f"the connection to {info.host} is not encrypted",
            "Add ?sslmode=verify-full&sslrootcert=<file> to TIDEMARK_POSTGRES.",
        )
    elif info.get_parameters().get("sslmode") not in ("verify-ca", "verify-full"):
        yield Finding(
            _AREA,
            "warning",
            f"the connection to {info.host} is encrypted, but the server's certificate is not"
            " checked",
            "Add ?sslmode=verify-full&sslrootcert=<file> to TIDEMARK_POSTGRES.",
        )
    else:
        yield Finding(_AREA, "good", f"the connection to {info.host} is encrypted and checked")


def check_rights(connection: psycopg.Connection, database: str) -> Findings:
    """Whether tables can be made and advisory locks taken, by doing it."""
    name = sql.Identifier(f"tidemark_doctor_{uuid.uuid4().hex[:8]}")
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(sql.SQL("create table {} (i int)").format(name))
            connection.execute(sql.SQL("insert into {} values (1)").format(name))
            connection.execute(sql.SQL("drop table {}").format(name))
    except psycopg.errors.InsufficientPrivilege as error:
        user = connection.info.user
        yield Finding(
            _AREA,
            "broken",
            f"{user} may not make tables in {database}: {error.diag.message_primary}",
            f"As administrator: alter database {database} owner to {user};"
            " `tidemark doctor --policy` prints all grants.",
        )
        return
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock_shared(1)")
    yield Finding(_AREA, "good", f"{database}: tables can be made and locks taken")


def check_clock(connection: psycopg.Connection) -> Findings:
    """Whether this machine's clock and the server's agree."""
    before = datetime.now(UTC)
    row = connection.execute("select clock_timestamp()").fetchone()
    after = datetime.now(UTC)
    if row is not None:
        # Half of the way there and back is nobody's fault.
        yield clock_finding("Postgres", (before + (after - before) / 2 - row[0]).total_seconds())


def clock_finding(whose: str, seconds: float) -> Finding:
    """What the distance of two clocks means."""
    if abs(seconds) <= _MOST_SKEW_SECONDS:
        return Finding("clock", "good", f"{seconds:+.1f} s from {whose}'s")
    return Finding(
        "clock",
        "warning" if abs(seconds) < 300 else "broken",
        f"this machine's clock is {abs(seconds):,.0f} s {'ahead of' if seconds > 0 else 'behind'}"
        f" {whose}'s",
        "Let NTP set both; S3 refuses requests from 15 minutes on, and times in the lake mislead.",
    )
