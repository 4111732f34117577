from pathlib import Path

import pytest

from lakehouse.accounting import Accounting, account
from lakehouse.config import S3Config
from lakehouse.connection import Lake
from lakehouse.landing.files import list_landed
from lakehouse.landing.ingest import ingest_files
from lakehouse.landing.ledger import pending_files
from lakehouse.landing.raw_table import ensure_raw_table
from lakehouse.sources import Source
from tests.storage import on_folder_and_s3

pytestmark = pytest.mark.integration

SOURCE = Source(name="a", columns=("id",))


@pytest.fixture
def landing(lake: Lake, tmp_path: Path) -> Path:
    folder = tmp_path / "landing"
    (folder / "a").mkdir(parents=True)
    return folder


def _ingest(lake: Lake, landing: Path, **files: str) -> None:
    for name, content in files.items():
        (landing / "a" / f"{name}.jsonl").write_text(content)
    pending = pending_files(lake, list_landed(str(landing), "a", S3Config()))
    ingest_files(lake, SOURCE, pending, landing=str(landing))


def _build_outcomes(lake: Lake) -> None:
    """As dbt would: the first row of an id is clean, others are duplicates, no id: quarantined."""
    with lake.write("build") as write:
        write.connection.execute(
            "create or replace table lake.intermediate.int_a_outcomes as select _load_id, case"
            " when id is null then 'quarantined'"
            " when row_number() over (partition by id order by _load_id, _line) = 1 then 'clean'"
            " else 'duplicate' end as outcome from lake.raw.a"
        )


def _recorded(lake: Lake) -> list[Accounting]:
    rows = lake.rows(
        "select source, lines, raw, rejected, clean, quarantined, duplicate, balanced, explanation"
        " from lake.ops.row_accounting order by snapshot_id"
    )
    return [Accounting(*row) for row in rows]


def test_a_source_never_loaded_is_balanced(lake: Lake) -> None:
    assert account(lake, SOURCE).balanced
    ensure_raw_table(lake, SOURCE)
    assert account(lake, SOURCE).balanced


@on_folder_and_s3
def test_every_line_is_accounted_for_and_recorded(lake: Lake, landing: Path) -> None:
    _ingest(lake, landing, x='{"id": 1}\nbroken\n{"id": 1}\n', y='{"id": null}\n{"id": 2}\n')
    not_built = account(lake, SOURCE)
    assert not not_built.balanced
    assert "dbt has not been built yet" in not_built.explanation
    _build_outcomes(lake)
    built = account(lake, SOURCE)
    assert built == Accounting(
        source="a",
        lines=5,
        raw=4,
        rejected=1,
        clean=2,
        quarantined=1,
        duplicate=1,
        balanced=True,
        explanation="5 lines = 4 rows + 1 rejected;"
        " 4 rows = 2 clean + 1 quarantined + 1 duplicate.",
    )
    assert _recorded(lake) == [not_built, built]
    assert lake.rows("select max(snapshot_id) from lake.ops.row_accounting") == [
        (lake.snapshot_id(),)
    ]


def test_other_sources_do_not_count(lake: Lake, landing: Path) -> None:
    _ingest(lake, landing, x='{"id": 1}\nbroken\n')
    other = account(lake, Source(name="b", columns=("id",)))
    assert (other.balanced, other.lines, other.rejected) == (True, 0, 0)


def test_replaced_and_rejected_versions_add_up(lake: Lake, landing: Path) -> None:
    _ingest(lake, landing, x='{"id": 1}\n{"id": 2}\n', y='{"id": 3}\n')
    _ingest(lake, landing, x='{"id": 1}\n')
    (landing / "a" / "y.jsonl").write_bytes(b"\x1f\x8bdamaged")
    _ingest(lake, landing)
    _build_outcomes(lake)
    accounting = account(lake, SOURCE)
    assert (accounting.balanced, accounting.lines, accounting.clean) == (True, 2, 2)


def test_a_row_lost_behind_the_ledgers_back_is_found(lake: Lake, landing: Path) -> None:
    _ingest(lake, landing, x='{"id": 1}\n{"id": 2}\n')
    _build_outcomes(lake)
    with lake.write("lose a row") as write:
        write.connection.execute("delete from lake.raw.a where id = '1'")
    accounting = account(lake, SOURCE)
    assert not accounting.balanced
    assert accounting.explanation == (
        "a/x.jsonl (load 1): the ledger says 2 rows, the raw table has 1."
    )


def test_rows_loaded_since_the_build_are_named(lake: Lake, landing: Path) -> None:
    _ingest(lake, landing, x='{"id": 1}\n')
    _build_outcomes(lake)
    _ingest(lake, landing, y='{"id": 2}\n')
    assert account(lake, SOURCE).explanation == (
        "a/y.jsonl (load 2): none of its 1 raw rows has an outcome; the next build takes it."
    )


def test_the_lake_is_counted_as_the_last_build_left_it(lake: Lake, landing: Path) -> None:
    _ingest(lake, landing, x='{"id": 1}\n', y='{"id": 2}\nbroken\n')
    _build_outcomes(lake)
    with lake.write("record") as write:
        write.connection.execute(
            "insert into lake.ops.dbt_builds values (now(), 2, 'm', 'r', ?)", [lake.snapshot_id()]
        )
    built = account(lake, SOURCE)
    assert (built.balanced, built.lines, built.clean) == (True, 3, 2)
    # Another process commits before this one accounts: a new file, and one in place of x.
    _ingest(lake, landing, z='{"id": 3}\n', x='{"id": 4}\nbroken\n')
    assert account(lake, SOURCE) == built
