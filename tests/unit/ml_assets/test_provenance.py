"""The git revision that stands on results."""

import subprocess

import pytest

from ml_assets.provenance import git_revision


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "a").write_text("1")
    for command in (
        ["init", "-q"],
        ["add", "a"],
        ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-q", "-m", "m"],
    ):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    return tmp_path


def test_a_clean_checkout_is_its_commit_whatever_else_lies_there(checkout):
    head = subprocess.run(
        ["git", "-C", str(checkout), "rev-parse", "HEAD"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    (checkout / "untracked").touch()
    assert git_revision(checkout) == head
    (checkout / "a").write_text("2")
    assert git_revision(checkout) == f"{head}+changes"


def test_without_a_checkout_or_git_it_is_unknown(tmp_path, monkeypatch):
    assert git_revision(tmp_path / "nothing") == "unknown"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_revision(tmp_path) == "unknown"
