"""Row accounting: every landed line is a row or rejected, and every row has an outcome."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from lakehouse.connection import Lake
from lakehouse.quoting import quote_identifier, quote_literal
from lakehouse.sources import Source
from lakehouse.table_columns import lake_tables

OUTCOMES = ("clean", "quarantined", "duplicate")


@dataclass(frozen=True)
class LoadCounts:
    """What the lake's tables say of one load; `file` is None for a load the ledger has not.

    Attributes:
        lines: Lines of the file, by the ledger.
        loaded: Rows, by the ledger.
        rejected: Rejected lines, by the ledger.
        raw: Rows in the raw table.
        rejects: Lines in the table of rejected lines.
        outcomes: Rows by outcome in the table that dbt makes.
    """

    load_id: int
    file: str | None
    lines: int
    loaded: int
    rejected: int
    raw: int
    rejects: int
    outcomes: Mapping[str, int]


@dataclass(frozen=True)
class Accounting:
    """Where every line of a source went."""

    source: str
    lines: int
    raw: int
    rejected: int
    clean: int
    quarantined: int
    duplicate: int
    balanced: bool
    explanation: str


def balance(source: str, loads: Sequence[LoadCounts], *, is_built: bool = True) -> Accounting:
    """The sums over the loads, and whether they add up, load by load.

    Args:
        source: The source's name.
        loads: The loads whose rows the raw table should hold, by load id, and any others that
            have rows.
        is_built: Whether dbt has made the table of outcomes.

    >>> counts = LoadCounts(1, "a/x.csv", 3, 2, 1, 2, 1, {"clean": 2})
    >>> balance("a", [counts]).explanation
    '3 lines = 2 rows + 1 rejected; 2 rows = 2 clean + 0 quarantined + 0 duplicate.'
    """
    raw = sum(load.raw for load in loads)
    rejected = sum(load.rejects for load in loads)
    lines = sum(load.lines for load in loads)
    clean, quarantined, duplicate = (
        sum(load.outcomes.get(outcome, 0) for load in loads) for outcome in OUTCOMES
    )
    problem = next(filter(None, (_problem(load, is_built=is_built) for load in loads)), None)
    sums = (
        f"{lines} lines = {raw} rows + {rejected} rejected;"
        f" {raw} rows = {clean} clean + {quarantined} quarantined + {duplicate} duplicate."
    )
    return Accounting(
        source=source,
        lines=lines,
        raw=raw,
        rejected=rejected,
        clean=clean,
        quarantined=quarantined,
        duplicate=duplicate,
        balanced=problem is None,
        explanation=problem or sums,
    )


def _problem(load: LoadCounts, *, is_built: bool) -> str | None:
    """What does not add up for the load, in words; None if all does."""
    name = f"{load.file} (load {load.load_id})"
    if load.file is None:
        return (
            f"Load {load.load_id} has {load.raw} raw rows, {load.rejects} rejected lines and"
            f" {sum(load.outcomes.values())} outcomes, but no file in the ledger has this load now."
        )
    if load.lines != load.loaded + load.rejected:
        return (
            f"{name}: the ledger says {load.lines} lines, but {load.loaded} rows and"
            f" {load.rejected} rejected lines."
        )
    if load.raw != load.loaded:
        return f"{name}: the ledger says {load.loaded} rows, the raw table has {load.raw}."
    if load.rejects != load.rejected:
        return (
            f"{name}: the ledger says {load.rejected} rejected lines, raw.rejected_lines has"
            f" {load.rejects}."
        )
    return _outcome_problem(load, name, is_built=is_built)


def _outcome_problem(load: LoadCounts, name: str, *, is_built: bool) -> str | None:
    with_outcome = sum(load.outcomes.values())
    if with_outcome != load.raw:
        if not with_outcome:
            state = "the next build takes it" if is_built else "dbt has not been built yet"
            return f"{name}: none of its {load.raw} raw rows has an outcome; {state}."
        return f"{name}: {load.raw} raw rows, but {with_outcome} outcomes."
    unknown = sorted(set(load.outcomes) - set(OUTCOMES))
    if unknown:
        return f"{name}: {load.outcomes[unknown[0]]} rows have the unknown outcome '{unknown[0]}'."
    return None


def account(lake: Lake, source: Source) -> Accounting:
    """Counts where every line of the source went, and adds a row to `ops.row_accounting`.

    The lake is counted as the last dbt build left it: what others have loaded since has no
    outcomes yet. A source that has never been loaded is balanced at zero. The counting reads two
    columns of the source's rows, outside of the writer lock.
    """
    tables = lake_tables(lake)
    is_built = f"intermediate.{_outcome_table(source.name)}" in tables
    has_raw = f"raw.{source.name}" in tables
    rows = lake.rows(_counts_query(source.name, _built(lake), has_raw=has_raw, is_built=is_built))
    loads = [
        LoadCounts(load_id, file, lines, loaded, rejected, raw, rejects, dict(by_outcome or ()))
        for load_id, file, lines, loaded, rejected, raw, rejects, by_outcome in rows
    ]
    accounting = balance(source.name, loads, is_built=is_built)
    _record(lake, accounting)
    return accounting


def _outcome_table(source: str) -> str:
    return f"int_{source}_outcomes"


def _built(lake: Lake) -> int | None:
    """The snapshot that the last dbt build has left."""
    rows = lake.rows(
        "select snapshot_id from lake.ops.dbt_builds order by built_at desc, snapshot_id desc"
        " limit 1"
    )
    return int(rows[0][0]) if rows else None


def _counts_query(source: str, snapshot: int | None, *, has_raw: bool, is_built: bool) -> str:
    """Selects a row of `LoadCounts` for each load, all of one snapshot."""
    at = "" if snapshot is None else f" at (version => {snapshot})"
    nothing = "(select 0::bigint as _load_id, '' as outcome where false)"
    raw = f"lake.raw.{quote_identifier(source)}{at}" if has_raw else nothing
    outcome_table = f"lake.intermediate.{quote_identifier(_outcome_table(source))}{at}"
    outcomes = outcome_table if is_built else nothing
    name = quote_literal(source)
    return f"""
        with ledger as (
            select load_id, file, lines, loaded, rejected
            from lake.ops.file_ledger{at} where source = {name} and superseded_by is null
        ),
        raw_rows as (
            select coalesce(_load_id, -1) as load_id, count(*) as raw from {raw} group by all
        ),
        rejects as (
            select _load_id as load_id, count(*) as rejects from lake.raw.rejected_lines{at}
            where source = {name} group by all
        ),
        outcomes as (
            select load_id, list((outcome, rows)) as outcomes
            from (
                select
                    coalesce(_load_id, -1) as load_id,
                    coalesce(outcome, 'null') as outcome,
                    count(*) as rows
                from {outcomes} group by all
            )
            group by load_id
        )
        select
            load_id, file, coalesce(lines, 0), coalesce(loaded, 0), coalesce(rejected, 0),
            coalesce(raw, 0), coalesce(rejects, 0), outcomes
        from ledger
        full join raw_rows using (load_id)
        full join rejects using (load_id)
        full join outcomes using (load_id)
        order by load_id
        """  # noqa: S608 - identifiers and literals are quoted


def _record(lake: Lake, accounting: Accounting) -> None:
    with lake.write(f"account {accounting.source}") as write:
        write.connection.execute(
            "insert into lake.ops.row_accounting by name select $source as source,"
            " $lines as lines, $raw as raw, $rejected as rejected, $clean as clean,"
            " $quarantined as quarantined, $duplicate as duplicate, $balanced as balanced,"
            " $explanation as explanation, $accounted_at::timestamptz as accounted_at,"
            " $snapshot_id as snapshot_id",
            {
                **vars(accounting),
                "accounted_at": datetime.now(UTC),
                "snapshot_id": write.snapshot_id,
            },
        )
