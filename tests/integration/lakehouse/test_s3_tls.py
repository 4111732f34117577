"""An S3 endpoint with an authority of its own: every client checks its certificate."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse.config import LakeConfig, S3Config
from lakehouse.connection import Lake
from lakehouse.errors import TidemarkError
from lakehouse.landing.files import land_files, list_landed
from lakehouse.s3 import aws_environment, s3_client
from ml_assets.artifacts import local_folder, publish_folder
from tests.servers.certificates import make_certificates
from tests.servers.rclone import rclone_server

pytestmark = [
    pytest.mark.integration,
    # MLflow's own imports warn of its dependencies' futures.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture(scope="module")
def by_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Config]:
    """An https server, and the settings that trust its authority."""
    folder = tmp_path_factory.mktemp("tls")
    files = make_certificates(folder / "ours")
    options = ["--cert", str(files.certificate), "--key", str(files.key)]
    with rclone_server(folder / "server", scheme="https", options=options) as server:
        trusting = server.access.model_copy(update={"ca_bundle": files.authority})
        s3_client(trusting).create_bucket(Bucket="tls")
        yield trusting


@pytest.fixture
def config(lake_config: LakeConfig, by_tls: S3Config) -> LakeConfig:
    return lake_config.model_copy(update={"data_path": "s3://tls/lake/", "s3": by_tls})


def test_engine_uploads_and_mlflow_trust_the_authority_of_the_settings(
    config: LakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(config)
    with lake.write("table") as write:
        write.connection.execute("create table lake.t as select range as n from range(100)")
    assert lake.rows("select sum(n) from lake.t") == [(4950,)]
    lake.close()

    (tmp_path / "folder").mkdir()
    file = tmp_path / "folder" / "a.csv"
    file.write_text("n\n1\n")
    landed = land_files([file], source="a", landing="s3://tls/landing", s3=config.s3)
    assert [one.key for one in landed] == ["a/a.csv"]
    publish_folder(tmp_path / "folder", "s3://tls/artifacts/x", config.s3)
    with local_folder("s3://tls/artifacts/x", config) as folder:
        assert (folder / "a.csv").read_text() == "n\n1\n"

    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    for name, value in aws_environment(config.s3).items():
        monkeypatch.setenv(name, value)
    (found,) = get_artifact_repository("s3://tls/artifacts/x").list_artifacts()
    assert found.path == "a.csv"


@pytest.mark.parametrize("trusts", ["nobody of this kind", "somebody else"])
def test_a_server_of_another_authority_is_refused(
    config: LakeConfig, tmp_path: Path, trusts: str
) -> None:
    bundle = None if trusts != "somebody else" else make_certificates(tmp_path / "c").authority
    s3 = config.s3.model_copy(update={"ca_bundle": bundle})
    with pytest.raises(TidemarkError, match=r"(?i)certificate|SSL") as by_boto3:
        list_landed("s3://tls/landing", "a", s3)
    lake = Lake(config.model_copy(update={"s3": s3}))
    with pytest.raises(TidemarkError, match=r"(?i)certificate|SSL") as by_engine:
        lake.rows("select * from read_parquet('s3://tls/lake/x.parquet')")
    lake.close()
    for raised in (by_boto3, by_engine):
        assert "TIDEMARK_S3_CA_BUNDLE" in raised.value.hint
