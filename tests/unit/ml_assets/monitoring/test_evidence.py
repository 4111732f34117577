from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from ml_assets.monitoring.drift_rows import DriftRow
from ml_assets.monitoring.evidence import drift_evidence, performance_evidence
from ml_assets.monitoring.performance import PerformanceRow
from ml_assets.monitoring.windows import window_end

KNOWN = datetime(2025, 1, 31, 23, tzinfo=UTC)


def month(number: int) -> datetime:
    return datetime(2025, number, 1, tzinfo=UTC)


DRIFT = DriftRow(
    model="m", model_version=3, window_start=month(2), window_end=month(3), segment="all",
    feature="words", kind="feature", rows=1234, reference_rows=5000, nulls=0, minimum=0.0,
    maximum=9.0, out_of_range=0, psi=0.31, psi_noise_limit=0.05, js_distance=0.2, threshold=0.2,
    drifted=True, measured_at=month(6), run_id="r",
)  # fmt: skip
PERFORMANCE = PerformanceRow(
    model="m", model_version=3, window_start=month(2), window_end=month(3), segment="all",
    metric="accuracy", rows=1234, value=0.61, low=0.58, high=0.64, reference_value=0.7,
    threshold=0.65, degraded=True, measured_at=month(6), run_id="r",
)  # fmt: skip


def in_month(number: int, *, drifted: bool = True, **changes: Any) -> DriftRow:
    start = month(number)
    row = replace(DRIFT, window_start=start, window_end=window_end(start, "month"))
    return replace(row, drifted=drifted, psi=0.31 if drifted else 0.01, **changes)


def test_no_rows_are_no_evidence() -> None:
    assert drift_evidence([], persistence=1, known_until=KNOWN) == []
    assert performance_evidence([], known_until=KNOWN) == []


def test_drift_is_one_piece_of_evidence_a_window_and_names_the_worst_with_numbers() -> None:
    rows = [
        DRIFT,
        replace(DRIFT, feature="length(text)", psi=0.5, threshold=0.25),
        replace(DRIFT, segment="language=es", psi=0.4, rows=300),
        replace(DRIFT, feature="prediction", kind="prediction", psi=0.21),
        replace(DRIFT, feature="quiet", psi=0.01, drifted=False),
    ]
    (evidence,) = drift_evidence(rows, persistence=1, known_until=KNOWN)
    assert (evidence.kind, evidence.model, evidence.version) == ("drift", "m", 3)
    assert evidence.message == (
        "m version 3, window 2025-02-01: drift: length(text) PSI 0.500 (limit 0.250, 1,234 rows);"
        " words in language=es PSI 0.400 (limit 0.200, 300 rows);"
        " words PSI 0.310 (limit 0.200, 1,234 rows); and 1 more"
    )


@pytest.mark.parametrize(
    ("known_until", "found"),
    [(month(2), 0), (datetime(2025, 1, 31, 23, 59, 59, tzinfo=UTC), 1), (month(3), 0)],
)
def test_windows_that_the_training_set_reached_into_are_no_evidence(
    known_until: datetime, found: int
) -> None:
    assert len(drift_evidence([DRIFT], persistence=1, known_until=known_until)) == found
    assert len(performance_evidence([PERFORMANCE], known_until=known_until)) == found


def windows(rows: list[DriftRow], persistence: int) -> list[int]:
    found = drift_evidence(rows, persistence=persistence, known_until=KNOWN)
    return [evidence.window_start.month for evidence in found]


def test_drift_has_to_last_for_as_many_windows_as_asked() -> None:
    rows = [in_month(number) for number in (5, 3, 2, 4)]
    assert windows(rows, 1) == [2, 3, 4, 5]
    assert windows(rows, 3) == [4, 5]
    assert windows(rows, 5) == []


def test_a_quiet_window_in_between_starts_the_count_again() -> None:
    rows = [in_month(2), in_month(3, drifted=False), in_month(4), in_month(5)]
    assert windows(rows, 2) == [5]


def test_a_window_too_small_to_judge_neither_counts_nor_starts_again() -> None:
    rows = [in_month(2), in_month(3, drifted=False, threshold=None), in_month(4)]
    assert windows(rows, 2) == [4]


def test_different_features_do_not_add_up_to_persistence() -> None:
    rows = [
        in_month(2, feature="a"), in_month(2, feature="b", drifted=False),
        in_month(3, feature="b"), in_month(3, feature="a", drifted=False),
    ]  # fmt: skip
    assert windows(rows, 2) == []
    assert windows(rows, 1) == [2, 3]


def test_windows_before_training_ended_do_not_count_towards_persistence() -> None:
    assert windows([in_month(1), in_month(2)], 2) == []


def test_the_id_stays_when_the_numbers_change_and_differs_otherwise() -> None:
    def name(row: DriftRow) -> str:
        return drift_evidence([row], persistence=1, known_until=KNOWN)[0].evidence_id

    assert name(replace(DRIFT, psi=0.9, rows=9, segment="x=y", run_id="other")) == name(DRIFT)
    others = {
        name(replace(DRIFT, model="n")),
        name(replace(DRIFT, model_version=4)),
        name(in_month(3)),
    }
    others.add(performance_evidence([PERFORMANCE], known_until=KNOWN)[0].evidence_id)
    assert len(others | {name(DRIFT)}) == 5


def test_performance_is_one_piece_of_evidence_a_window_with_its_numbers() -> None:
    rows = [
        replace(PERFORMANCE, segment="language=es", value=0.4, rows=300),
        PERFORMANCE,
        replace(PERFORMANCE, window_start=month(3), degraded=False),
    ]
    (evidence,) = performance_evidence(rows, known_until=KNOWN)
    assert evidence.kind == "performance"
    assert evidence.message.startswith(
        "m version 3, window 2025-02-01: accuracy 0.610 [0.580, 0.640] against 0.700 on the"
        " hold-out (limit 0.650, 1,234 rows); accuracy in language=es 0.400"
    )
