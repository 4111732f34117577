"""Artifacts on S3 come back as they went."""

import pytest

from ml_assets.artifacts import local_folder, publish_folder

pytestmark = pytest.mark.integration


def test_a_folder_survives_the_way_over_s3(lake_config, s3_server, s3_bucket, tmp_path):
    config = lake_config.model_copy(update={"s3": s3_server})
    (tmp_path / "inner").mkdir()
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "inner" / "b.txt").write_text("b")
    publish_folder(tmp_path, f"{s3_bucket}/models/hash", s3_server)
    with local_folder(f"{s3_bucket}/models/hash", config) as folder:
        assert (folder / "a.txt").read_text() == "a"
        assert (folder / "inner" / "b.txt").read_text() == "b"
    assert not folder.exists()


def test_a_prefix_that_only_begins_alike_is_another_folder(
    lake_config, s3_server, s3_bucket, tmp_path
):
    config = lake_config.model_copy(update={"s3": s3_server})
    (tmp_path / "a.txt").write_text("a")
    publish_folder(tmp_path, f"{s3_bucket}/models/hash2", s3_server)
    with local_folder(f"{s3_bucket}/models/hash", config) as folder:
        assert list(folder.iterdir()) == []
