from collections.abc import Mapping

import pytest

from lakehouse.accounting import LoadCounts, balance

CLEAN = {"clean": 5, "quarantined": 2, "duplicate": 1}


def _load(
    load_id: int = 1,
    file: str | None = "a/x.csv",
    *,
    lines: int = 10,
    loaded: int = 8,
    rejected: int = 2,
    raw: int = 8,
    rejects: int = 2,
    outcomes: Mapping[str, int] = CLEAN,
) -> LoadCounts:
    return LoadCounts(load_id, file, lines, loaded, rejected, raw, rejects, outcomes)


def test_a_source_without_loads_is_balanced_at_zero() -> None:
    accounting = balance("a", [])
    assert accounting.balanced
    assert (accounting.lines, accounting.raw, accounting.clean) == (0, 0, 0)


def test_loads_are_summed_up() -> None:
    empty = _load(2, "a/y.csv", lines=0, loaded=0, rejected=0, raw=0, rejects=0, outcomes={})
    accounting = balance("a", [_load(), empty, _load(3, "a/z.csv")])
    assert accounting.balanced
    assert (accounting.lines, accounting.raw, accounting.rejected) == (20, 16, 4)
    assert (accounting.clean, accounting.quarantined, accounting.duplicate) == (10, 4, 2)
    assert accounting.explanation == (
        "20 lines = 16 rows + 4 rejected; 16 rows = 10 clean + 4 quarantined + 2 duplicate."
    )


@pytest.mark.parametrize(
    ("load", "explanation"),
    [
        (_load(lines=11), "the ledger says 11 lines, but 8 rows and 2 rejected lines"),
        (_load(raw=7), "the ledger says 8 rows, the raw table has 7"),
        (_load(rejects=3), "the ledger says 2 rejected lines, raw.rejected_lines has 3"),
        (_load(outcomes={"clean": 7}), "8 raw rows, but 7 outcomes"),
        (_load(outcomes={"clean": 9}), "8 raw rows, but 9 outcomes"),
        (_load(outcomes={}), "none of its 8 raw rows has an outcome; the next build takes it"),
        (_load(outcomes={"clean": 7, "lost": 1}), "1 rows have the unknown outcome 'lost'"),
    ],
)
def test_the_first_file_that_does_not_add_up_is_named(load: LoadCounts, explanation: str) -> None:
    accounting = balance("a", [_load(0, "a/w.csv"), load, _load(2, "a/y.csv", raw=0)])
    assert not accounting.balanced
    assert "a/x.csv (load 1)" in accounting.explanation
    assert explanation in accounting.explanation


def test_errors_of_two_files_do_not_cancel_out() -> None:
    assert not balance("a", [_load(raw=9), _load(2, "a/y.csv", raw=7)]).balanced


def test_rows_without_a_ledger_entry_do_not_add_up() -> None:
    orphan = _load(7, None, lines=0, loaded=0, rejected=0, raw=3, rejects=0, outcomes={})
    accounting = balance("a", [_load(), orphan])
    assert not accounting.balanced
    assert "Load 7 has 3 raw rows" in accounting.explanation


def test_before_the_first_build_rows_have_no_outcome() -> None:
    accounting = balance("a", [_load(outcomes={})], is_built=False)
    assert not accounting.balanced
    assert "dbt has not been built yet" in accounting.explanation
