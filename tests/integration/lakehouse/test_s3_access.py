"""Keys by every way that they can come, and what each client asks of the server's encryption."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse import s3 as s3_module
from lakehouse.config import LakeConfig, S3Config
from lakehouse.connection import Lake
from lakehouse.landing.files import land_files, list_landed
from lakehouse.s3 import split_s3_path
from ml_assets.artifacts import publish_folder
from ml_assets.table_committer import TableCommitter
from ml_assets.task_engine import Task, TaskResult
from tests.servers.api import api_server, instance_metadata
from tests.servers.radosgw import KMS_KEY
from tests.servers.recorder import Recorder, recorded
from tests.storage import Storage

pytestmark = pytest.mark.integration
_ENCRYPTION, _KEY = "x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id"


@pytest.fixture
def no_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An environment without any AWS keys; boto3 forgets those that it knows."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setattr(s3_module, "_session", s3_module._session.__wrapped__)
    return monkeypatch


@pytest.fixture
def keys(
    request: pytest.FixtureRequest, no_keys: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[None]:
    """The server's keys where the test's parameter says."""
    match request.param:
        case "environment":
            no_keys.setenv("AWS_ACCESS_KEY_ID", "key")
            no_keys.setenv("AWS_SECRET_ACCESS_KEY", "secret")
            yield
        case "profile":
            no_keys.setenv("AWS_PROFILE", "ours")
            (tmp_path / "credentials").write_text(
                "[ours]\naws_access_key_id = key\naws_secret_access_key = secret\n"
            )
            yield
        case "instance role":
            with api_server() as metadata:
                metadata.serve = instance_metadata("key", "secret")
                no_keys.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.url)
                yield
                assert metadata.asked


@pytest.mark.parametrize("storage", ["radosgw"], indirect=True)
@pytest.mark.parametrize(
    ("keys", "encryption"),
    [
        ("environment", {}),
        ("profile", {}),
        ("instance role", {}),
        ("profile", {"encryption": "aws:kms", "kms_key": KMS_KEY}),
    ],
    indirect=["keys"],
)
@pytest.mark.usefixtures("keys")
def test_keys_come_by_environment_profile_or_role(
    lake_config: LakeConfig, storage: Storage, encryption: dict[str, str]
) -> None:
    changes = {"access_key": None, "secret_key": None, **encryption}
    s3 = storage.s3.model_copy(update=changes)
    lake = Lake(lake_config.model_copy(update={"s3": s3}))
    with lake.write("table") as write:
        write.connection.execute("create table lake.t as select range as n from range(100)")
    assert lake.rows("select sum(n) from lake.t") == [(4950,)]
    lake.close()
    storage.put("landing/a/x.csv", b"n\n1\n")
    assert len(list_landed(storage.landing, "a", s3)) == 1


def _write_by_all(config: LakeConfig, storage: Storage, folder: Path) -> None:
    """What each client writes: the engine, large and small; boto3 in parts and in one piece."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    lake = Lake(config)
    with lake.connection() as connection:
        # Parts of 5 MB, the least that S3 takes, instead of 80 MB.
        connection.execute("set s3_uploader_max_filesize = '50GB'")
    with lake.write("tables") as write:
        write.connection.execute("create schema lake.ml")
        write.connection.execute("create table lake.ml.small as select range as id from range(100)")
        write.connection.execute(
            "create table lake.ml.large as select hash(range) as id from range(1_000_000)"
        )
    (folder / "parts").mkdir(parents=True)
    file = folder / "task.parquet"
    pq.write_table(pa.table({"id": pa.array(range(1000, 1100), pa.int64())}), file)
    TableCommitter(lake, key=("id",)).append(
        ("ml", "small"),
        [Task("0", (), {}, str(folder))],
        [TaskResult("0", (str(file),), 100, "s")],
        rows=100,
        run_id="run",
    )
    assert lake.rows("select count(*) from lake.ml.small") == [(200,)]
    assert lake.rows("select count(*) from lake.ml.large") == [(1_000_000,)]
    lake.close()
    (folder / "parts" / "large.csv").write_bytes(b"n\n" + b"1\n" * 5_000_000)
    publish_folder(folder / "parts", f"{storage.root}/artifacts/x", config.s3)
    land_files([folder / "parts"], source="a", landing=storage.landing, s3=config.s3)


def _uploads(recorder: Recorder) -> list[dict[str, str | None]]:
    """The headers of what begins an object: a whole one, or the first word of one in parts."""
    begins = [request for request in recorder.of("PUT") if "partNumber" not in request.query]
    begins += [request for request in recorder.of("POST") if "uploads" in request.query]
    return [
        {"path": begun.path, _ENCRYPTION: begun.headers.get(_ENCRYPTION)}
        | {_KEY: begun.headers.get(_KEY)}
        for begun in begins
    ]


@pytest.mark.parametrize("storage", ["radosgw"], indirect=True)
def test_every_object_is_encrypted_with_the_kms_key(
    lake_config: LakeConfig, storage: Storage, tmp_path: Path
) -> None:
    with recorded(storage.s3) as recorder:
        s3 = recorder.s3.model_copy(update={"encryption": "aws:kms", "kms_key": KMS_KEY})
        _write_by_all(lake_config.model_copy(update={"s3": s3}), storage, tmp_path / "work")
    uploads = _uploads(recorder)
    assert {(upload[_ENCRYPTION], upload[_KEY]) for upload in uploads} == {("aws:kms", KMS_KEY)}
    # Both clients have written in parts, which carry no such header themselves.
    in_parts = {
        request.path for request in recorder.of("PUT") if "2" in request.query.get("partNumber", [])
    }
    assert any("/lake/" in path for path in in_parts)
    assert any("/landing/" in path for path in in_parts)
    bucket, _ = split_s3_path(storage.root)
    keys = [name for folder in ("lake", "artifacts", "landing") for name in storage.files(folder)]
    assert len(keys) == len(uploads) == 5
    for key in keys:
        head = storage.client.head_object(Bucket=bucket, Key=key)
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", KMS_KEY)


@pytest.mark.parametrize("storage", ["rclone"], indirect=True)
def test_aes256_is_asked_for_by_uploads_and_cannot_be_by_the_engine(
    lake_config: LakeConfig, storage: Storage, tmp_path: Path
) -> None:
    """Why the settings refuse it for a lake on S3: once this fails, they need not any more."""
    with recorded(storage.s3) as recorder:
        s3: S3Config = recorder.s3.model_copy(update={"encryption": "AES256"})
        _write_by_all(lake_config.model_copy(update={"s3": s3}), storage, tmp_path / "work")
    asked: dict[bool, set[str | None]] = {True: set(), False: set()}
    for upload in _uploads(recorder):
        by_engine = "/ducklake-" in str(upload["path"])
        asked[by_engine].add(upload[_ENCRYPTION])
    assert asked == {True: {None}, False: {"AES256"}}
