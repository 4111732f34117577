from itertools import pairwise

import pytest

from demo.months import months_from

DAY_MS = 86_400_000


def test_months_follow_each_other_without_a_gap():
    months = months_from("2024-01", 14)
    assert [month.name for month in months[10:]] == ["2024-11", "2024-12", "2025-01", "2025-02"]
    for month, following in pairwise(months):
        assert month.end_ms == following.start_ms


def test_february_has_29_days_in_a_leap_year():
    (february,) = months_from("2024-02", 1)
    assert february.end_ms - february.start_ms == 29 * DAY_MS
    assert february.start_ms == 1_706_745_600_000
    assert february.file_name == "reviews_2024-02.jsonl"


@pytest.mark.parametrize("first", ["", "2025", "2025-00", "2025-13", "2025-7", "07-2025", "x"])
def test_what_is_not_a_month_is_refused(first):
    with pytest.raises(ValueError, match="first_month must look like 2025-07"):
        months_from(first, 1)


@pytest.mark.parametrize(("first", "count"), [("1969-12", 1), ("9998-12", 2), ("2025-07", -1)])
def test_months_outside_of_the_calendar_are_refused(first, count):
    with pytest.raises(ValueError, match=r"must lie in 1970\.\.9998"):
        months_from(first, count)


def test_the_last_month_of_the_calendar_is_accepted():
    assert [month.name for month in months_from("9998-12", 1)] == ["9998-12"]
