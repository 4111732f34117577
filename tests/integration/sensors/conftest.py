"""The platform as the sensors see it, on a lake of the test's own."""

import dagster as dg
import pytest

from lakehouse.config import S3Config
from lakehouse.sources import Source
from ml_assets.spec.document import ModelSpec
from sensors.context import SensorContext


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def model_spec():
    return ModelSpec.model_validate(
        {
            "name": "stars",
            "task": "ordinal",
            "table": "stars_features",
            "entity_key": "entity_id",
            "event_time": "happened_at",
            "label": {"column": "stars", "classes": (1, 2, 3)},
            "features": {"numeric": ("words",)},
            "algorithm": {"name": "lightgbm"},
            "split": {"holdout": 0.25},
        }
    )


@pytest.fixture
def platform(lake, tmp_path, model_spec):
    """One source, `reviews`, and one model, `stars`."""
    (tmp_path / "landing" / "reviews").mkdir(parents=True)
    return SensorContext(
        open_lake=lambda: lake,
        landing=str(tmp_path / "landing"),
        s3=S3Config(),
        landing_queue=None,
        sources=dict.fromkeys(["reviews"], Source.model_construct(name="reviews")),
        specs={"stars": model_spec},
        features_versions={"stars_features": "features-1"},
        ingest_job="ingest_and_score",
        concerned=lambda _: [dg.AssetKey(["raw", "reviews"])],
        retrain_job=lambda model: f"retrain_{model}",
        webhook=None,
    )
