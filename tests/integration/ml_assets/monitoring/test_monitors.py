"""The monitors on a real lake: a model trained on January to April 2025, then three more months."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse.connection import Lake
from ml_assets.monitoring.distributions import (
    ModelReference,
    reference_from_json,
    reference_to_json,
)
from ml_assets.monitoring.drift import measure_drift, measure_prediction_drift, recorded_drift
from ml_assets.monitoring.drift_rows import DriftRow
from ml_assets.monitoring.evidence import drift_evidence, performance_evidence
from ml_assets.monitoring.performance import measure_performance, recorded_performance
from ml_assets.monitoring.reference import build_reference
from ml_assets.scoring import ensure_scores_table, scores_schema
from ml_assets.spec.document import ModelSpec

pytestmark = pytest.mark.integration

CUTOFF = datetime(2025, 4, 1, tzinfo=UTC)
NOW = datetime(2025, 8, 1, tzinfo=UTC)
SPEC = ModelSpec.model_validate(
    {
        "name": "stars",
        "task": "ordinal",
        "table": "features",
        "entity_key": "id",
        "event_time": "event_at",
        "label": {"column": "stars", "classes": [1, 2, 3]},
        "features": {"text": ["body"], "categorical": ["shop"], "numeric": ["words", "isn't"]},
        "segments": ["language"],
        "algorithm": {"name": "linear_text"},
        "monitors": {"min_rows": 100},
    }
)


def month(number: int) -> datetime:
    return datetime(2025, number, 1, tzinfo=UTC)


def rows_of(number: int, n: int = 400, *, moved: bool = False) -> pa.Table:
    """Feature rows of a month of 2025; `moved` ones have longer texts in Spanish."""
    random = np.random.default_rng(number)
    language = random.choice(["en", "es"], n)
    words = random.poisson(20, n) + (15 if moved else 0) * (language == "es")
    start = month(number)
    return pa.table(
        {
            "id": [f"{number}-{i}" for i in range(n)],
            "event_at": pa.array(
                [start + timedelta(minutes=60 * i) for i in range(n)], pa.timestamp("us", "UTC")
            ),
            "stars": pa.array(random.integers(1, 4, n), pa.int16()),
            "body": ["x" * int(count) for count in words],
            "shop": pa.array([["a", "b", None][i] for i in random.integers(0, 3, n)], pa.string()),
            "words": pa.array(words, pa.int32()),
            "isn't": pa.array(random.normal(size=n)),
            "language": pa.array([None if i == 0 else str(language[i]) for i in range(n)]),
        }
    )


def append(lake: Lake, table: pa.Table, name: str) -> None:
    with lake.connection() as connection:
        connection.register("new_rows", table)
        with lake.write("test") as write:
            write.connection.execute(f"insert into lake.{name} by name from new_rows")
        connection.unregister("new_rows")


def probabilities(table: pa.Table, *, right: float) -> np.ndarray[Any, Any]:
    """Confident probabilities that name the label in a share of the rows."""
    label = table.column("stars").to_numpy() - 1
    hit = np.arange(table.num_rows) % 100 < right * 100
    named = np.where(hit, label, (label + 1) % 3)
    return np.where(np.arange(3) == named[:, None], 0.8, 0.1)


def score(lake: Lake, table: pa.Table, *, right: float, version: int = 1) -> None:
    values = probabilities(table, right=right)
    n = table.num_rows
    append(
        lake,
        pa.table(
            {
                "entity_key": table.column("id"),
                "model_version": pa.array([version] * n, pa.int32()),
                "prediction": [str(top + 1) for top in values.argmax(axis=1)],
                "prediction_value": values @ np.array([1.0, 2.0, 3.0]),
                "confidence": values.max(axis=1),
                "probabilities": list(values),
                "interval_low": pa.nulls(n, pa.float64()),
                "interval_high": pa.nulls(n, pa.float64()),
                "training_set_hash": ["h"] * n,
                "features_version": ["f"] * n,
                "snapshot_id": pa.array([1] * n, pa.int64()),
                "scored_at": pa.array([NOW] * n, pa.timestamp("us", "UTC")),
                "run_id": ["r"] * n,
            },
            schema=scores_schema(),
        ),
        "ml.scores_stars",
    )


@pytest.fixture
def reference(lake: Lake, tmp_path: Path) -> ModelReference:
    """The lake with January to April scored by a model that is right in 80 of 100 rows."""
    known = pa.concat_tables([rows_of(number) for number in (1, 2, 3, 4)])
    with lake.connection() as connection:
        connection.register("known", known)
        with lake.write("test") as write:
            write.connection.execute("create table lake.marts.features as from known")
        connection.unregister("known")
    ensure_scores_table(lake, "stars")
    score(lake, known, right=0.8)
    role = np.where(np.arange(known.num_rows) < 1200, "train", "holdout")
    pq.write_table(known.append_column("_role", pa.array(role)), tmp_path / "part-0.parquet")
    document = build_reference(
        lake,
        SPEC,
        training_set_path=str(tmp_path),
        holdout_output=probabilities(rows_of(4), right=0.8),
        holdout_cutoff=CUTOFF,
    )
    return reference_from_json(json.loads(json.dumps(document)))


def drift(lake: Lake, reference: ModelReference, **options: Any) -> list[DriftRow]:
    options = dict[str, Any](version=1, now=NOW, run_id="run") | options
    return measure_drift(lake, SPEC, reference=reference, **options)


def test_the_reference_holds_training_rows_and_hold_out(reference: ModelReference) -> None:
    assert reference.cutoff == CUTOFF
    assert reference.known_until == month(4) + timedelta(minutes=60 * 399)
    assert reference.features.rows["all"] == 1200
    assert reference.predictions.rows["all"] == 400
    # Three rows without a language are too few for a segment.
    assert reference.segments["language"] in {("en", "es"), ("es", "en")}
    assert set(reference.features.rows) == {"all", "language=en", "language=es"}
    assert reference.metrics["all"]["accuracy"] == pytest.approx(0.8)
    assert set(reference.metrics) == {"all", "language=en", "language=es"}
    names = [bins.name for bins in reference.features.bins]
    assert names == ["length(body)", "shop", "words", "isn't"]
    assert [bins.name for bins in reference.predictions.bins] == [
        "prediction",
        "confidence",
        "prediction_value",
    ]
    for distribution in (reference.features, reference.predictions):
        for segment, counts in distribution.counts.items():
            assert {sum(feature) for feature in counts} == {distribution.rows[segment]}


def test_the_reference_survives_json(reference: ModelReference) -> None:
    document = json.dumps(reference_to_json(reference), allow_nan=False)
    assert reference_from_json(json.loads(document)) == reference


def test_every_window_is_measured_once(lake: Lake, reference: ModelReference) -> None:
    first = drift(lake, reference)
    # Four months, four features, all rows and two languages.
    assert len(first) == 4 * 4 * 3
    assert not any(row.drifted for row in first)
    assert recorded_drift(lake, "stars", 1, "feature") == sorted(
        first, key=lambda row: (row.window_start, row.segment, row.feature)
    )
    before = lake.snapshot_id()
    assert drift(lake, reference, run_id="another") == []
    assert lake.snapshot_id() == before


def test_a_new_and_a_changed_window_are_measured_alone(
    lake: Lake, reference: ModelReference
) -> None:
    drift(lake, reference)
    append(lake, rows_of(5), "marts.features")
    assert {row.window_start for row in drift(lake, reference)} == {month(5)}
    append(lake, rows_of(3, 1), "marts.features")
    changed = drift(lake, reference, run_id="later")
    assert {row.window_start for row in changed} == {month(3)}
    rows = recorded_drift(lake, "stars", 1, "feature")
    march = [row for row in rows if row.window_start == month(3)]
    assert {row.run_id for row in march} == {"later"}
    assert {row.rows for row in march if row.segment == "all"} == {401}
    assert len(rows) == 5 * 4 * 3


def test_a_window_whose_rows_are_gone_is_forgotten(lake: Lake, reference: ModelReference) -> None:
    drift(lake, reference)
    with lake.write("test") as write:
        write.connection.execute(
            "delete from lake.marts.features where event_at < timestamptz '2025-02-01'"
        )
    assert drift(lake, reference) == []
    windows = {row.window_start for row in recorded_drift(lake, "stars", 1, "feature")}
    assert windows == {month(2), month(3), month(4)}


def test_versions_and_kinds_do_not_disturb_each_other(
    lake: Lake, reference: ModelReference
) -> None:
    drift(lake, reference)
    assert len(drift(lake, reference, version=2)) == 48
    measure_prediction_drift(lake, SPEC, reference=reference, version=1, now=NOW, run_id="run")
    assert len(recorded_drift(lake, "stars", 1, "feature")) == 48
    assert len(recorded_drift(lake, "stars", 2, "feature")) == 48
    assert len(recorded_drift(lake, "stars", 1, "prediction")) == 9


def test_features_that_move_are_found_with_their_segment_and_become_evidence(
    lake: Lake, reference: ModelReference
) -> None:
    append(lake, rows_of(5), "marts.features")
    append(lake, rows_of(6, moved=True), "marts.features")
    rows = drift(lake, reference)
    drifted = {(row.window_start, row.segment, row.feature) for row in rows if row.drifted}
    assert drifted == {
        (month(6), segment, feature)
        for segment in ("all", "language=es")
        for feature in ("length(body)", "words")
    }
    (evidence,) = drift_evidence(rows, persistence=1, known_until=reference.known_until)
    assert evidence.window_start == month(6)
    known = np.concatenate([rows_of(number).column("words").to_numpy() for number in (1, 2, 3)])
    june = rows_of(6, moved=True).column("words").to_numpy()
    outside = int(((june > known.max()) | (june < known.min())).sum())
    assert outside > 0
    assert [
        (row.out_of_range, row.minimum, row.maximum)
        for row in rows
        if (row.window_start, row.feature, row.segment) == (month(6), "words", "all")
    ] == [(outside, june.min(), june.max())]


def test_a_window_that_is_too_small_is_shown_and_not_judged(
    lake: Lake, reference: ModelReference
) -> None:
    append(lake, rows_of(6, 99, moved=True), "marts.features")
    june = [row for row in drift(lake, reference) if row.window_start == month(6)]
    assert {(row.segment, row.rows, row.threshold, row.drifted) for row in june} == {
        ("all", 99, None, False)
    }


def test_nulls_and_values_never_seen_are_counted(lake: Lake, reference: ModelReference) -> None:
    table = rows_of(5)
    nothing = pa.nulls(400, pa.string())
    table = table.set_column(table.column_names.index("shop"), "shop", nothing)
    table = table.set_column(
        table.column_names.index("isn't"), "isn't", pa.array([float("nan")] * 400)
    )
    append(lake, table, "marts.features")
    rows = {
        row.feature: row
        for row in drift(lake, reference)
        if row.window_start == month(5) and row.segment == "all"
    }
    assert rows["shop"].nulls == rows["isn't"].nulls == 400
    assert rows["shop"].drifted
    assert rows["isn't"].drifted
    assert rows["isn't"].minimum is None


def test_an_empty_feature_table_has_no_windows(lake: Lake, reference: ModelReference) -> None:
    with lake.write("test") as write:
        write.connection.execute("delete from lake.marts.features")
    assert drift(lake, reference) == []


def prediction_drift(lake: Lake, reference: ModelReference) -> list[DriftRow]:
    return measure_prediction_drift(
        lake, SPEC, reference=reference, version=1, now=NOW, run_id="run"
    )


def test_predictions_are_compared_from_the_hold_out_on_and_only_those_of_the_version(
    lake: Lake, reference: ModelReference
) -> None:
    may = rows_of(5)
    append(lake, may, "marts.features")
    score(lake, may, right=0.8)
    score(lake, may, right=0.1, version=2)
    rows = prediction_drift(lake, reference)
    assert {row.window_start for row in rows} == {month(4), month(5)}
    assert {row.rows for row in rows if row.segment == "all"} == {400}
    assert not any(row.drifted for row in rows)
    assert prediction_drift(lake, reference) == []


def test_predictions_that_all_become_one_class_are_drift(
    lake: Lake, reference: ModelReference
) -> None:
    may = rows_of(5)
    may = may.set_column(2, "stars", pa.array([3] * 400, pa.int16()))
    append(lake, may, "marts.features")
    score(lake, may, right=1.0)
    rows = prediction_drift(lake, reference)
    drifted = {row.feature for row in rows if row.drifted and row.segment == "all"}
    assert drifted == {"prediction", "prediction_value"}


def performance(lake: Lake, reference: ModelReference, now: datetime = NOW) -> list[Any]:
    return measure_performance(lake, SPEC, reference=reference, version=1, now=now, run_id="run")


def test_performance_is_measured_on_rows_the_model_was_not_trained_on(
    lake: Lake, reference: ModelReference
) -> None:
    rows = performance(lake, reference)
    assert {row.window_start for row in rows} == {month(4)}
    (accuracy,) = [row for row in rows if row.metric == "accuracy" and row.segment == "all"]
    assert accuracy.value == accuracy.reference_value == pytest.approx(0.8)
    assert not accuracy.degraded
    assert performance(lake, reference) == []
    assert len(recorded_performance(lake, "stars", 1)) == len(rows) == 6 * 3


def test_a_model_that_gets_worse_is_evidence(lake: Lake, reference: ModelReference) -> None:
    may = rows_of(5)
    append(lake, may, "marts.features")
    score(lake, may, right=0.5)
    rows = performance(lake, reference)
    degraded = {(row.window_start, row.metric, row.segment) for row in rows if row.degraded}
    assert degraded == {
        (month(5), "accuracy", segment) for segment in ("all", "language=en", "language=es")
    }
    (evidence,) = performance_evidence(rows, known_until=reference.known_until)
    assert "accuracy 0.500" in evidence.message


def test_labels_that_come_late_measure_their_window_again(
    lake: Lake, reference: ModelReference
) -> None:
    may = rows_of(5)
    labels = may.column("stars").to_pylist()
    unlabelled = pa.array([None] * 200 + labels[200:], pa.int16())
    append(lake, may.set_column(2, "stars", unlabelled), "marts.features")
    score(lake, may, right=0.8)
    assert {row.rows for row in performance(lake, reference) if row.segment == "all"} == {400, 200}
    with lake.write("test") as write:
        write.connection.execute("update lake.marts.features set stars = 2 where stars is null")
    again = performance(lake, reference)
    assert {(row.window_start, row.rows) for row in again if row.segment == "all"} == {
        (month(5), 400)
    }
    windows = [row for row in recorded_performance(lake, "stars", 1) if row.segment == "all"]
    assert len(windows) == 2 * 6


def test_a_label_counts_once_its_delay_is_over(lake: Lake, reference: ModelReference) -> None:
    label = SPEC.label.model_copy(update={"delay_days": 30})
    spec = SPEC.model_copy(update={"label": label})
    # 30 days before the tenth hour of May, ten rows and the first of April had been written.
    now = month(4) + timedelta(days=30, hours=10)
    rows = measure_performance(lake, spec, reference=reference, version=1, now=now, run_id="r")
    assert {row.rows for row in rows} == {11}


def test_performance_turned_off_measures_nothing(lake: Lake, reference: ModelReference) -> None:
    monitors = SPEC.monitors.model_copy(update={"performance": None})
    spec = SPEC.model_copy(update={"monitors": monitors})
    found = measure_performance(lake, spec, reference=reference, version=1, now=NOW, run_id="run")
    assert found == []
    assert recorded_performance(lake, "stars", 1) == []
