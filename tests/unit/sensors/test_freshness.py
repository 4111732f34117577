"""Which tables have become stale since the last look."""

from sensors.freshness import newly_stale


def test_a_table_that_turns_stale_is_told_once():
    assert newly_stale({"raw/a": "PASS"}, {"raw/a": "WARN"}) == {"raw/a": "WARN"}
    assert newly_stale({"raw/a": "WARN"}, {"raw/a": "WARN"}) == {}


def test_it_is_told_again_when_it_gets_worse():
    assert newly_stale({"raw/a": "WARN"}, {"raw/a": "FAIL"}) == {"raw/a": "FAIL"}


def test_getting_better_is_no_alert():
    assert newly_stale({"raw/a": "FAIL"}, {"raw/a": "WARN"}) == {}
    assert newly_stale({"raw/a": "FAIL"}, {"raw/a": "PASS"}) == {}


def test_a_table_seen_stale_the_first_time_is_told():
    assert newly_stale({}, {"raw/a": "FAIL", "raw/b": "UNKNOWN"}) == {"raw/a": "FAIL"}


def test_stale_again_after_recovery_is_told_again():
    assert newly_stale({"raw/a": "PASS"}, {"raw/a": "FAIL"}) == {"raw/a": "FAIL"}
