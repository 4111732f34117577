"""A scores table that an earlier version made takes the scores of this one."""

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ml_assets.scoring import ensure_scores_table, scores_schema
from ml_assets.table_committer import TableCommitter
from ml_assets.task_engine import Task, TaskResult

pytestmark = pytest.mark.integration

# As the version before predicted numbers made them.
_FORMER_COLUMNS = """
    entity_key varchar not null, model_version integer not null, prediction varchar not null,
    prediction_value double, confidence double not null, probabilities double[] not null,
    training_set_hash varchar not null, features_version varchar not null,
    snapshot_id bigint not null, scored_at timestamptz not null, run_id varchar not null"""


@pytest.fixture
def former(lake):
    """A lake with a scores table of the former version, one row in it."""
    with lake.write("test") as write:
        write.connection.execute(f"create table lake.ml.scores_fx ({_FORMER_COLUMNS})")
        write.connection.execute(
            "insert into lake.ml.scores_fx values"
            " ('old', 1, 'up', null, 0.9, [0.9, 0.1], 'h', 'f', 1, now(), 'r')"
        )
    return lake


def _file(folder):
    row = {
        "entity_key": "new",
        "model_version": 2,
        "prediction": "17.5",
        "prediction_value": 17.5,
        "confidence": 0.9,
        "probabilities": None,
        "interval_low": 17.25,
        "interval_high": 17.75,
        "training_set_hash": "h",
        "features_version": "f",
        "snapshot_id": 1,
        "scored_at": datetime(2026, 1, 1, tzinfo=UTC),
        "run_id": "r",
    }
    file = folder / "part.parquet"
    pq.write_table(pa.Table.from_pylist([row], schema=scores_schema()), file)
    return str(file)


def test_old_rows_stay_and_new_ones_have_intervals(former, tmp_path):
    ensure_scores_table(former, "fx")
    TableCommitter(former, key=("entity_key", "model_version")).append(
        ("ml", "scores_fx"),
        [Task("0", (), {}, "")],
        [TaskResult("0", (_file(tmp_path),), 1, "s")],
        rows=1,
        run_id="r",
    )
    assert former.rows(
        "select entity_key, probabilities, interval_low, interval_high from lake.ml.scores_fx"
        " order by model_version"
    ) == [("old", [0.9, 0.1], None, None), ("new", None, 17.25, 17.75)]


def test_bringing_it_up_to_date_again_writes_nothing(former):
    ensure_scores_table(former, "fx")
    before = former.snapshot_id()
    ensure_scores_table(former, "fx")
    assert former.snapshot_id() == before
