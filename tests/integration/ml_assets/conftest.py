"""A feature table of short texts whose class can be learned, and a spec for it."""

import uuid
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import psycopg
import pyarrow as pa
import pytest

from lakehouse.postgres import server_url
from ml_assets.provenance import Provenance
from ml_assets.registry import Registry
from ml_assets.scoring import ensure_scores_table
from ml_assets.spec.document import ModelSpec

NOW = datetime(2026, 6, 1, tzinfo=UTC)
_WORDS = {1: "awful broken refund", 2: "okay average fine", 3: "lovely perfect superb"}
_FILLER = ["table", "lamp", "chair", "cable", "phone", "speaker", "bottle", "jacket", "brush"]


def feature_table(rows: int, *, seed: int, first: datetime, days: int) -> pa.Table:
    """Rows of marts.stars_features: a text that mostly tells its class, over some days."""
    rng = np.random.default_rng(seed)
    label = rng.choice([1, 2, 3], size=rows, p=[0.2, 0.3, 0.5])
    shown = np.where(rng.random(rows) < 0.85, label, rng.choice([1, 2, 3], size=rows))
    texts = [
        f"{' '.join(rng.permutation(_WORDS[int(c)].split())[:2])}"
        f" {' '.join(rng.choice(_FILLER, 6))} {rng.integers(1_000_000)}"
        for c in shown
    ]
    times = sorted(first + timedelta(seconds=int(s)) for s in rng.integers(0, days * 86400, rows))
    return pa.table(
        {
            "entity_id": [f"{seed}-{i}" for i in range(rows)],
            "happened_at": pa.array(times, pa.timestamp("us", "UTC")),
            "stars": pa.array(label.tolist(), pa.int16()),
            "text": texts,
            "language": rng.choice(["en", "es"], rows).tolist(),
            "text_words": pa.array([len(t.split()) for t in texts], pa.int32()),
        }
    )


def append_features(lake, table: pa.Table) -> None:
    """Adds the rows to the mart."""
    with lake.write("test features") as write:
        write.connection.register("fresh", table)
        write.connection.execute(
            "create table if not exists lake.marts.stars_features as from fresh limit 0"
        )
        write.connection.execute("insert into lake.marts.stars_features from fresh")
        write.connection.unregister("fresh")


@pytest.fixture
def spec() -> ModelSpec:
    return ModelSpec.model_validate(
        {
            "name": "stars",
            "task": "ordinal",
            "table": "stars_features",
            "entity_key": "entity_id",
            "event_time": "happened_at",
            "label": {"column": "stars", "classes": (1, 2, 3)},
            "features": {
                "text": ("text",),
                "categorical": ("language",),
                "numeric": ("text_words",),
            },
            "segments": ("language",),
            "algorithm": {"name": "linear_text"},
            "split": {"holdout": 0.25, "near_duplicates": {"columns": ("text",)}},
            "scoring": {"rows_per_task": 1000},
        }
    )


@pytest.fixture(scope="session")
def mlflow_template(postgres_server):
    """A database with MLflow's empty tables: copying it takes a tenth of making them."""
    from mlflow.tracking import MlflowClient

    admin_url = server_url(postgres_server, "postgres")
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute("create database mlflow_template")
    url = server_url(postgres_server, "mlflow_template").replace(
        "postgresql://", "postgresql+psycopg://"
    )
    MlflowClient(tracking_uri=url, registry_uri=url).search_experiments()
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = 'mlflow_template'"
        )
    return "mlflow_template"


@pytest.fixture
def mlflow_url(postgres_server, mlflow_template):
    """An empty MLflow database of the test's own."""
    name = f"mlflow_{uuid.uuid4().hex[:12]}"
    admin_url = server_url(postgres_server, "postgres")
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(f"create database {name} template {mlflow_template}")
    yield server_url(postgres_server, name)
    # MLflow keeps its connections for as long as the process lives.
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")


@pytest.fixture
def world(lake, mlflow_url, storage):
    """A lake with two months of rows, MLflow, and the places that the steps need."""
    append_features(
        lake, feature_table(1500, seed=1, first=datetime(2026, 1, 1, tzinfo=UTC), days=59)
    )
    ensure_scores_table(lake, "stars")
    return SimpleNamespace(
        lake=lake,
        artifacts=storage.artifacts,
        registry=Registry(mlflow_url, storage.artifacts, lake.config),
        provenance=Provenance("run-1", "manifest-1", "features-1", "commit-1"),
    )


@pytest.fixture
def append_drifted(lake):
    """Appends a later month of much longer texts, two thirds of them in Spanish."""

    def append() -> None:
        table = feature_table(600, seed=2, first=datetime(2026, 3, 1, tzinfo=UTC), days=28)
        words = pa.array([value.as_py() * 4 for value in table.column("text_words")], pa.int32())
        append_features(lake, table.set_column(5, "text_words", words))

    return append
