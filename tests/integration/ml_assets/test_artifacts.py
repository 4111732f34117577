"""Artifacts come back as they went."""

import pytest

from ml_assets.artifacts import local_folder, publish_folder
from tests.storage import on_every_storage

pytestmark = [pytest.mark.integration, on_every_storage]


@pytest.fixture
def local(tmp_path):
    (tmp_path / "local" / "inner").mkdir(parents=True)
    (tmp_path / "local" / "a.txt").write_text("a")
    (tmp_path / "local" / "inner" / "b.txt").write_text("b")
    return tmp_path / "local"


def test_a_folder_survives_the_way(storage, local, lake_config):
    published = f"{storage.artifacts}/models/hash"
    publish_folder(local, published, storage.s3)
    with local_folder(published, lake_config) as folder:
        assert (folder / "a.txt").read_text() == "a"
        assert (folder / "inner" / "b.txt").read_text() == "b"
    assert folder.exists() != storage.is_remote


def test_a_folder_published_again_stays(storage, local):
    published = f"{storage.artifacts}/models/hash"
    for _ in range(2):
        publish_folder(local, published, storage.s3)
    names = [f"artifacts/models/hash/{name}" for name in ("a.txt", "inner/b.txt")]
    assert storage.files("artifacts/models") == names


def test_a_prefix_that_only_begins_alike_is_another_folder(storage, local, lake_config):
    publish_folder(local, f"{storage.artifacts}/models/hash2", storage.s3)
    with local_folder(f"{storage.artifacts}/models/hash", lake_config) as folder:
        assert not list(folder.glob("*"))
