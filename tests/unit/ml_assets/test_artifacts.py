"""Published folders appear whole, once, and readable."""

import os
import stat
from pathlib import Path

import pytest
from pydantic import SecretStr

from lakehouse.config import LakeConfig, S3Config
from ml_assets import artifacts
from ml_assets.artifacts import local_folder, publish_folder

S3 = S3Config()
CONFIG = LakeConfig(postgres_url=SecretStr(""), data_path="/lake/", state_folder=Path("/not/used"))


@pytest.fixture
def local(tmp_path):
    folder = tmp_path / "local"
    (folder / "inner").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "inner" / "b.txt").write_text("b")
    return folder


def _content(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text() for path in files}


def test_all_files_arrive_and_others_may_read_them(local, tmp_path):
    target = tmp_path / "artifacts" / "models" / "hash"
    publish_folder(local, str(target), S3)
    assert _content(target) == {"a.txt": "a", "inner/b.txt": "b"}
    assert stat.S_IMODE(target.stat().st_mode) == 0o755
    assert [path.name for path in target.parent.iterdir()] == ["hash"]


def test_what_is_there_already_stays(local, tmp_path):
    target = tmp_path / "target"
    publish_folder(local, str(target), S3)
    (local / "a.txt").write_text("other")
    publish_folder(local, str(target), S3)
    assert _content(target)["a.txt"] == "a"


def test_another_process_that_was_faster_is_no_error(local, tmp_path, monkeypatch):
    target = tmp_path / "target"
    rename = os.rename

    def after_another(source, destination):
        target.mkdir()
        (target / "theirs.txt").touch()
        rename(source, destination)

    monkeypatch.setattr(artifacts.os, "rename", after_another)
    publish_folder(local, str(target), S3)
    assert _content(target) == {"theirs.txt": ""}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_failure_leaves_nothing_behind(local, tmp_path, monkeypatch):
    def failing(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(artifacts.os, "rename", failing)
    with pytest.raises(OSError, match="No space"):
        publish_folder(local, str(tmp_path / "out" / "target"), S3)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_local_folder_is_used_in_place(local):
    with local_folder(str(local), CONFIG) as folder:
        assert folder == local
    assert folder.exists()
