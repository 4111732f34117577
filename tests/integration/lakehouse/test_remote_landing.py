from pathlib import Path

import pytest

from lakehouse.config import S3Config
from lakehouse.connection import Lake
from lakehouse.errors import TidemarkError
from lakehouse.landing.files import land_files, list_landed
from lakehouse.landing.ingest import ingest_files
from lakehouse.landing.ledger import pending_files
from lakehouse.landing.remote import RemoteLanding
from lakehouse.sources import Source
from tests.storage import Storage, on_every_s3

pytestmark = [pytest.mark.integration, on_every_s3]

SOURCE = Source(name="a", columns=("id",))


def _land(tmp_path: Path, landing: str, s3: S3Config, content: bytes, name: str = "x.csv") -> None:
    path = tmp_path / name
    path.write_bytes(content)
    land_files([path], source="a", landing=landing, s3=s3)


@pytest.mark.parametrize("prefix", ["", "/landing/zone"])
def test_files_land_below_the_prefix_and_are_listed(
    tmp_path: Path, storage: Storage, prefix: str
) -> None:
    landing, s3 = storage.root + prefix, storage.s3
    _land(tmp_path, landing, s3, b"id\n1\n")
    _land(tmp_path, landing, s3, b"hidden", name="y.csv")
    RemoteLanding(landing, s3).upload(tmp_path / "y.csv", "a/.hidden/y.csv")
    RemoteLanding(landing, s3).upload(tmp_path / "y.csv", "ab/y.csv")
    landed = list_landed(landing + "/", "a", s3)
    assert [(file.key, file.size, file.bucket) for file in landed] == [
        ("a/x.csv", 5, landing),
        ("a/y.csv", 6, landing),
    ]
    assert landed[0].modified_at.utcoffset() is not None


def test_the_same_content_is_not_uploaded_again(tmp_path: Path, storage: Storage) -> None:
    landing, s3 = storage.root, storage.s3
    _land(tmp_path, landing, s3, b"id\n1\n")
    first = list_landed(landing, "a", s3)
    _land(tmp_path, landing, s3, b"id\n1\n")
    assert list_landed(landing, "a", s3) == first
    _land(tmp_path, landing, s3, b"id\n2\n")
    assert list_landed(landing, "a", s3)[0].etag != first[0].etag


def test_a_listed_version_that_is_gone_is_not_downloaded(tmp_path: Path, storage: Storage) -> None:
    landing, s3 = storage.root, storage.s3
    _land(tmp_path, landing, s3, b"id\n1\n")
    landed = list_landed(landing, "a", s3)[0]
    remote = RemoteLanding(landing, s3)
    target = tmp_path / "copy"
    assert remote.download("a/x.csv", etag=landed.etag, target=target)
    assert target.read_bytes() == b"id\n1\n"
    assert not remote.download("a/x.csv", etag="0" * 32, target=target)
    assert not remote.download("a/missing.csv", etag=landed.etag, target=target)


def test_a_bucket_that_is_not_there_is_explained(storage: Storage) -> None:
    with pytest.raises(TidemarkError, match="S3 refused"):
        list_landed("s3://no-such-bucket-here", "a", storage.s3)


def test_files_are_ingested_from_s3_exactly_once(
    tmp_path: Path, lake: Lake, storage: Storage
) -> None:
    landing, s3 = storage.root, storage.s3

    def ingest() -> list[str]:
        pending = pending_files(lake, list_landed(landing, "a", s3))
        return [result.status for result in ingest_files(lake, SOURCE, pending, landing=landing)]

    _land(tmp_path, landing, s3, b"id\n1\n2\n")
    listed = list_landed(landing, "a", s3)
    assert ingest() == ["loaded"]
    assert ingest() == []
    _land(tmp_path, landing, s3, b"id\n3\n")
    stale = ingest_files(lake, SOURCE, listed, landing=landing)
    assert [result.status for result in stale] == ["unchanged"]
    assert ingest() == ["loaded"]
    assert lake.rows("select id, _file from lake.raw.a") == [("3", "a/x.csv")]
