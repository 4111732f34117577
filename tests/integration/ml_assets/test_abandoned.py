"""What killed trainings left goes; what a row of the lake names stays, however old it is."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from lakehouse.errors import TidemarkError
from ml_assets import challenger, training_set
from ml_assets.abandoned import Abandoned, remove_abandoned
from ml_assets.artifacts import is_published, publish_folder
from ml_assets.challenger import train_challenger
from ml_assets.training_set import build_training_set
from tests.storage import on_folder_and_s3

pytestmark = [
    pytest.mark.integration,
    # MLflow's own imports warn of its dependencies' futures.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*type hint:UserWarning"),
]
NOW = datetime(2026, 6, 1, tzinfo=UTC)
NOTHING = Abandoned(training_sets=0, mlflow_runs=0, unfinished_copies=0)


class Killed(BaseException):
    """As a kill: nothing catches it."""


def _killed(*_, **__):
    raise Killed


def _remove(world, *, age=timedelta(0)):
    older_than = datetime.now(UTC) - age + timedelta(seconds=1)
    return remove_abandoned(
        world.lake, world.registry, artifact_path=world.artifacts, older_than=older_than
    )


def _build(world, spec, now=NOW):
    return build_training_set(
        world.lake, spec, artifact_path=world.artifacts, provenance=world.provenance, now=now
    )


def _train(world, spec, built):
    return train_challenger(
        world.lake, spec, built, registry=world.registry, provenance=world.provenance, now=NOW
    ).version


@on_folder_and_s3
def test_only_what_no_row_names_goes(world, spec, storage, monkeypatch):
    built = _build(world, spec)
    version = _train(world, spec, built)
    wanted = storage.files("artifacts")

    with monkeypatch.context() as patched:
        patched.setattr(training_set, "_record", _killed)
        with pytest.raises(Killed):
            _build(world, spec.model_copy(update={"seed": 7}), NOW - timedelta(days=130))
    with monkeypatch.context() as patched:
        patched.setattr(challenger, "record_version", _killed)
        with pytest.raises(Killed):
            _train(world, spec, built)
    if not storage.is_remote:
        (Path(world.artifacts) / "training_sets" / ".publish-x").mkdir()
    client = world.registry._client()
    theirs = client.create_run(client.get_experiment_by_name("stars").experiment_id)
    assert len(client.search_model_versions("name = 'stars'")) == 3

    assert _remove(world, age=timedelta(hours=1)) == NOTHING
    copies = 0 if storage.is_remote else 1
    assert _remove(world) == Abandoned(training_sets=1, mlflow_runs=1, unfinished_copies=copies)
    assert storage.files("artifacts") == wanted
    versions = {int(found.version) for found in client.search_model_versions("name = 'stars'")}
    assert versions == {1, version.version}
    assert client.get_run(theirs.info.run_id).info.lifecycle_stage == "active"
    assert _remove(world) == NOTHING
    # A number is never given twice.
    assert _train(world, spec, built).version == version.version + 2


def test_killed_before_the_files_went_it_is_found_again(world, spec, monkeypatch):
    built = _build(world, spec)
    with monkeypatch.context() as patched:
        patched.setattr(challenger, "record_version", _killed)
        with pytest.raises(Killed):
            _train(world, spec, built)
    with monkeypatch.context() as patched:
        patched.setattr(MlflowClient, "delete_run", _killed)
        with pytest.raises(Killed):
            _remove(world)
    # The baseline was being registered.
    assert _remove(world) == Abandoned(training_sets=0, mlflow_runs=1, unfinished_copies=0)


def test_an_old_training_set_that_is_used_again_is_not_old(world, spec, storage, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(training_set, "_record", _killed)
        with pytest.raises(Killed):
            _build(world, spec)
    long_ago = (NOW - timedelta(days=90)).timestamp()
    for path in Path(world.artifacts).rglob("*.parquet"):
        os.utime(path, (long_ago, long_ago))
    published = []

    def publish(*arguments):
        publish_folder(*arguments)
        published.append(_remove(world, age=timedelta(hours=1)))

    monkeypatch.setattr(training_set, "publish_folder", publish)
    built = _build(world, spec)
    assert published == [NOTHING]
    assert is_published(built.path, storage.s3)


def test_a_training_set_that_was_removed_meanwhile_is_not_recorded(world, spec, monkeypatch):
    def publish(*arguments):
        publish_folder(*arguments)
        assert _remove(world).training_sets == 1

    monkeypatch.setattr(training_set, "publish_folder", publish)
    with pytest.raises(TidemarkError, match="removed before its row was written"):
        _build(world, spec)
    assert world.lake.rows("select count(*) from lake.ml.training_sets") == [(0,)]
