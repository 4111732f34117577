import logging
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lakehouse.config import S3Config
from lakehouse.errors import TidemarkError
from lakehouse.landing.files import LandedFile, land_files, list_landed


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    return tmp_path / "landing"


def _write(path: Path, content: bytes = b"{}\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def _land(landing: Path, *paths: Path, name: str | None = None) -> list[LandedFile]:
    return land_files(paths, source="a", landing=str(landing), s3=S3Config(), name=name)


def _keys(landing: Path) -> list[str]:
    return [file.key for file in list_landed(str(landing), "a", S3Config())]


def test_a_landing_zone_that_is_not_there_is_empty(landing: Path) -> None:
    assert _keys(landing) == []


def test_listing_tells_key_size_etag_and_time(landing: Path) -> None:
    path = _write(landing / "a" / "2024" / "x.csv", b"abc")
    os.utime(path, ns=(0, 1_500_000_000_123_456_789))
    assert list_landed(f"{landing}/", "a", S3Config()) == [
        LandedFile(
            source="a",
            bucket=str(landing),
            key="a/2024/x.csv",
            etag="3-1500000000123456789",
            size=3,
            modified_at=datetime.fromtimestamp(1_500_000_000_123_456_789 / 1e9, UTC),
        )
    ]


def test_hidden_temporary_and_foreign_files_are_not_listed(landing: Path) -> None:
    for name in (".x.csv", ".git/x.csv", "x.csv.tmp", "x.PART", "x.csv~", "x.crdownload"):
        _write(landing / "a" / name)
    _write(landing / "b" / "x.csv")
    _write(landing / "ab" / "x.csv")
    os.mkfifo(landing / "a" / "pipe")
    (landing / "a" / "dangling").symlink_to(landing / "nowhere")
    _write(landing / "a" / "ñ ü.csv")
    assert _keys(landing) == ["a/ñ ü.csv"]


def test_a_name_that_is_not_unicode_is_left_out_and_logged(
    landing: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _write(landing / "a" / "x.csv")
    (landing / "a" / os.fsdecode(b"\xff.csv")).write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        assert _keys(landing) == ["a/x.csv"]
    assert "not Unicode" in caplog.text


def test_files_and_folders_land_byte_for_byte(tmp_path: Path, landing: Path) -> None:
    single = _write(tmp_path / "in" / "x.csv", bytes(range(256)))
    _write(tmp_path / "folder" / "y.csv", b"y")
    _write(tmp_path / "folder" / "deep" / "z.csv", b"z")
    _write(tmp_path / "folder" / ".hidden", b"h")
    landed = _land(landing, single, tmp_path / "folder")
    assert [file.key for file in landed] == ["a/deep/z.csv", "a/x.csv", "a/y.csv"]
    assert (landing / "a" / "x.csv").read_bytes() == bytes(range(256))
    assert not list(landing.rglob(".*"))


def test_a_single_file_may_land_under_another_name(tmp_path: Path, landing: Path) -> None:
    path = _write(tmp_path / "x.csv")
    assert [file.key for file in _land(landing, path, name="jan/y.csv")] == ["a/jan/y.csv"]
    with pytest.raises(TidemarkError, match="for 2 files"):
        _land(landing, path, _write(tmp_path / "z.csv"), name="y.csv")


def test_landing_the_same_content_again_leaves_the_file_untouched(
    tmp_path: Path, landing: Path
) -> None:
    path = _write(tmp_path / "x.csv", b"1")
    first = _land(landing, path)
    os.utime(path, ns=(0, 0))
    assert _land(landing, path) == first
    path.write_bytes(b"2")
    assert _land(landing, path) != first
    assert (landing / "a" / "x.csv").read_bytes() == b"2"


def test_two_files_of_one_name_land_nothing(tmp_path: Path, landing: Path) -> None:
    first, second = _write(tmp_path / "1" / "x.csv"), _write(tmp_path / "2" / "x.csv")
    with pytest.raises(TidemarkError) as caught:
        _land(landing, first, second)
    assert str(first) in caught.value.message
    assert str(second) in caught.value.message
    assert not landing.exists()


def test_the_same_path_given_twice_lands_once(tmp_path: Path, landing: Path) -> None:
    path = _write(tmp_path / "x.csv")
    assert len(_land(landing, path, path)) == 1


def test_a_missing_path_lands_nothing(tmp_path: Path, landing: Path) -> None:
    with pytest.raises(TidemarkError, match="There is no file"):
        _land(landing, _write(tmp_path / "x.csv"), tmp_path / "missing.csv")
    assert not landing.exists()


def test_what_is_no_regular_file_cannot_land(tmp_path: Path, landing: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TidemarkError, match="not a regular file"):
        _land(landing, tmp_path / "pipe")


@pytest.mark.parametrize("name", [".hidden", "x.tmp", "../x.csv", "sub/"])
def test_a_name_that_would_not_be_listed_cannot_land(
    tmp_path: Path, landing: Path, name: str
) -> None:
    with pytest.raises(TidemarkError, match="cannot land as"):
        _land(landing, _write(tmp_path / "x.csv"), name=name)


def test_an_unreadable_file_is_named(
    tmp_path: Path, landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As root no permission is ever missing, so the refusal is played.
    path = _write(tmp_path / "x.csv")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(TidemarkError, match=r"x\.csv cannot be read: Permission denied"):
        _land(landing, path)
