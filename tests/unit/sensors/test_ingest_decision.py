"""Whether landed files start a run."""

from datetime import UTC, datetime, timedelta
from functools import partial

from lakehouse.landing.files import LandedFile
from sensors import ingest_decision
from sensors.ingest_decision import Attempts

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
NEVER = Attempts.loads(None)
batch_name = partial(ingest_decision.batch_name, newest_load=3)
decide_ingest = partial(ingest_decision.decide_ingest, newest_load=3)


def _file(key: str, etag: str = "1") -> LandedFile:
    return LandedFile("reviews", "/landing", key, etag, 10, NOW)


def test_nothing_landed_starts_nothing():
    assert decide_ingest([], NEVER, running=None, now=NOW).run_key is None


def test_a_new_file_starts_a_run_and_is_remembered():
    decision = decide_ingest([_file("a")], NEVER, running=None, now=NOW)
    assert decision.run_key == f"ingest:{batch_name([_file('a')])}:1"
    assert decision.attempts == Attempts(batch_name([_file("a")]), 1, NOW)


def test_files_wait_while_a_run_is_ingesting():
    decision = decide_ingest([_file("a")], NEVER, running="0123456789", now=NOW)
    assert decision.run_key is None
    assert "Run 01234567 is ingesting; 1 files wait" in decision.reason


def test_a_failed_batch_is_tried_again_after_a_minute_and_not_before():
    tried = Attempts(batch_name([_file("a")]), 1, NOW)
    before, due = NOW + timedelta(seconds=59), NOW + timedelta(seconds=60)
    assert decide_ingest([_file("a")], tried, running=None, now=before).run_key is None
    again = decide_ingest([_file("a")], tried, running=None, now=due)
    assert again.run_key is not None
    assert again.run_key.endswith(":2")


def test_waiting_doubles_with_each_failure():
    tried = Attempts(batch_name([_file("a")]), 3, NOW)
    before, due = NOW + timedelta(seconds=239), NOW + timedelta(seconds=240)
    assert decide_ingest([_file("a")], tried, running=None, now=before).run_key is None
    assert decide_ingest([_file("a")], tried, running=None, now=due).run_key is not None


def test_a_batch_that_never_succeeds_is_given_up_with_its_file_named():
    tried = Attempts(batch_name([_file("bad.csv")]), 6, NOW)
    later = NOW + timedelta(days=3)
    decision = decide_ingest([_file("bad.csv")], tried, running=None, now=later)
    assert decision.run_key is None
    assert "bad.csv" in decision.reason


def test_another_file_makes_another_batch_at_once():
    tried = Attempts(batch_name([_file("a")]), 6, NOW)
    decision = decide_ingest([_file("a"), _file("b")], tried, running=None, now=NOW)
    assert decision.run_key is not None


def test_a_new_version_of_a_file_makes_another_batch():
    assert batch_name([_file("a", "1")]) != batch_name([_file("a", "2")])


def test_a_file_that_changes_back_makes_another_batch_as_its_load_came_in_between():
    assert batch_name([_file("a")]) != batch_name([_file("a")], newest_load=4)


def test_the_order_of_files_does_not_matter():
    files = [_file("a"), _file("b")]
    assert batch_name(files) == batch_name(files[::-1])


def test_the_cursor_survives_its_text():
    attempts = Attempts("batch", 2, NOW)
    assert Attempts.loads(attempts.dumps()) == attempts
