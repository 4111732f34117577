"""Series of exchange rates on a real lake: versions, publication, revisions, and nothing at all."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from lakehouse.accounting import account
from lakehouse.connection import Lake
from tests.integration.dbt_project.conftest import SOURCES, Row

pytestmark = pytest.mark.integration

FIRST, CUT, LAST = date(2024, 1, 1), date(2024, 5, 15), date(2024, 7, 31)
LOADED_AT = "2024-08-01 00:00:00+00"
SERIES = SOURCES["series_observations"]


def _days() -> Iterator[date]:
    return (FIRST + timedelta(n) for n in range((LAST - FIRST).days + 1))


def _rows(*, after_cut: float = 1.0) -> list[Row]:
    """Four series; what is published after the cut's noon is multiplied by that factor."""
    rows = []
    for month in range(1, 8):
        out = date(2024, month + 1, 10)
        inflation = (4.0 + month / 10) * (after_cut if out > CUT else 1.0)
        rows.append(("SP30578", f"01/{month:02d}/2024", f"{inflation:.2f}"))
    for number, day in enumerate(_days()):
        weekday = day.weekday() < 5
        if weekday:
            fix = (17.0 + (number * 7 % 13) / 10) * (after_cut if day > CUT else 1.0)
            rows.append(("SF43718", f"{day:%d/%m/%Y}", f"{fix:.4f}"))
            # Known a day later: the cut's own is news after the cut.
            tiie = (11.0 + (number % 5) / 10) * (after_cut if day >= CUT else 1.0)
            rows.append(("SF43783", f"{day:%d/%m/%Y}", f"{tiie:.4f}"))
            # A week of H.10 comes out on the next Tuesday.
            out = day - timedelta(day.weekday()) + timedelta(8)
            h10 = (17.1 + (number % 3) / 10) * (after_cut if out >= CUT else 1.0)
            rows.append(("DEXMXUS", f"{day:%Y-%m-%d}", f"{h10:.4f}"))
        elif day.weekday() == 5:
            rows.append(("SF43718", f"{day:%d/%m/%Y}", "N/E"))
    return [dict(zip(("series", "date", "value"), row, strict=True)) for row in rows]


def _features(lake: Lake, condition: str) -> list[tuple[Any, ...]]:
    """The rows without their labels, which are what comes later."""
    return lake.rows(
        "select * exclude (fix_1d, fix_5d, fix_21d) from lake.marts.fx_features"
        f" where {condition} order by fix_date"
    )


def _labels(lake: Lake) -> list[tuple[Any, ...]]:
    return lake.rows(
        "select count(*), count(fix_1d), count(fix_5d), count(fix_21d) from lake.marts.fx_features"
    )


@pytest.fixture
def build(run_dbt: Callable[..., Any]) -> Callable[[], None]:
    """Builds what stands on series, with its tests."""
    return lambda: run_dbt("build", "--select", "+fx_features")


def _load(landing: Any, rows: list[Row], **options: Any) -> int:
    options = {"loaded_at": LOADED_AT} | options
    return int(landing.load("series", rows, source="series_observations", **options))


def test_without_any_file_there_are_no_rows_and_no_error(
    lake: Lake, landing: Any, build: Callable[[], None]
) -> None:
    build()
    assert _labels(lake) == [(0, 0, 0, 0)]
    found = account(lake, SERIES)
    assert (found.balanced, found.lines) == (True, 0)


def test_what_is_published_later_changes_no_feature(
    lake: Lake, landing: Any, build: Callable[[], None]
) -> None:
    """The proof: all that came out after a moment is tripled, and no row up to it notices."""
    load = _load(landing, _rows())
    build()
    until, after = f"fix_date <= date '{CUT}'", f"fix_date > date '{CUT}'"
    before, later = _features(lake, until), _features(lake, after)
    assert (len(before), len(later)) == (98, 55)
    assert _labels(lake) == [(153, 152, 148, 132)]

    _load(landing, _rows(after_cut=3.0), supersedes=load)
    build()
    assert _features(lake, until) == before
    assert all(row != other for row, other in zip(_features(lake, after), later, strict=True))


def test_a_revision_counts_from_when_it_was_seen(
    lake: Lake, landing: Any, build: Callable[[], None]
) -> None:
    rows = _rows()
    broken = {"series": "SF43718", "date": "40/01/2024", "value": "x"}
    _load(landing, [*rows[:-40], broken], loaded_at="2024-07-16 00:00:00+00")
    build()
    before = _features(lake, "true")
    revised = {"series": "SF43718", "date": "15/05/2024", "value": "30.0000"}
    _load(landing, [*rows, revised], loaded_at="2024-07-20 00:00:00+00")
    build()

    # Rows up to the revision are as they were; those after it look back on the revised rate.
    assert before == _features(lake, "true")[: len(before)]
    assert len(before) > 130
    assert lake.rows(
        "select version_number, observed_value, is_current"
        " from lake.intermediate.int_series_versions"
        " where series_name = 'fix' and observed_on = '2024-05-15' order by version_number"
    ) == [(1, float(_value(rows, "15/05/2024")), False), (2, 30.0, True)]
    # The label is what the rate is taken to be now, the anchor what it was taken to be.
    assert lake.rows(
        "select fix_date::varchar, fix, fix_1d from lake.marts.fx_features"
        " where fix_date in ('2024-05-14', '2024-05-15') order by fix_date"
    ) == [
        ("2024-05-14", float(_value(rows, "14/05/2024")), 30.0),
        ("2024-05-15", float(_value(rows, "15/05/2024")), float(_value(rows, "16/05/2024"))),
    ]
    volatile = lake.rows(
        "select fix_date::varchar from lake.marts.fx_features where volatility_63 > 0.08"
        " order by fix_date limit 1"
    )
    assert volatile == [("2024-07-22",)]

    found = account(lake, SERIES)
    assert found.balanced, found.explanation
    assert (found.quarantined, found.duplicate) == (1, len(rows) - 40)
    assert found.clean == len(rows) + 1


def _value(rows: list[Row], day: str) -> str:
    return next(
        str(row["value"]) for row in rows if row["series"] == "SF43718" and row["date"] == day
    )
