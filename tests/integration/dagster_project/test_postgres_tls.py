"""A Postgres of one's own by TLS: everybody checks its certificate, and says what is wrong."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from dagster_project.instance import open_instance
from dagster_project.settings import Settings, load_settings
from lakehouse.connection import Lake
from lakehouse.engine import catalog_secret_options
from lakehouse.errors import TidemarkError
from lakehouse.failures import explained
from ml_assets.registry import Registry
from tests.servers.certificates import Certificates, make_certificates
from tests.servers.postgres import TlsPostgres, tls_postgres

pytestmark = [
    pytest.mark.integration,
    # Dagster and MLflow warn of the futures of their own dependencies.
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates") / "ours")


@pytest.fixture(scope="module")
def server(certificates: Certificates) -> Iterator[TlsPostgres]:
    folder = Path(tempfile.mkdtemp(prefix="tm-tls-"))
    with tls_postgres(folder, certificates) as running:
        yield running
    shutil.rmtree(folder)


@pytest.fixture
def settings_for(server, tmp_path, monkeypatch):
    """Makes settings whose Postgres is the server, for one who trusts the authority."""
    monkeypatch.setenv("DAGSTER_HOME", "")
    (tmp_path / "tidemark.toml").touch()

    def make(authority: Path) -> Settings:
        return load_settings(
            {
                "TIDEMARK_CONFIG": str(tmp_path / "tidemark.toml"),
                "TIDEMARK_STATE": str(tmp_path / "state"),
                "TIDEMARK_POSTGRES": server.url(authority),
            }
        )

    return make


@pytest.fixture
def settings(settings_for, certificates) -> Settings:
    return settings_for(certificates.authority)


def test_lake_dagster_and_mlflow_connect_by_tls_alone(settings, server, certificates):
    lake = Lake(settings.lake_config)
    with lake.write("table") as write:
        write.connection.execute("create table lake.t as select 1 as n")
    assert lake.rows("from lake.t") == [(1,)]
    told = catalog_secret_options(settings.lake_config)
    assert told["sslmode"] == "verify-full"
    assert told["sslrootcert"] == str(certificates.authority)
    with open_instance(settings) as instance:
        assert instance.get_runs() == []
        Registry(settings.server.mlflow, settings.artifact_path, settings.lake_config).warm_up()
        with psycopg.connect(settings.postgres.get_secret_value()) as connection:
            by_tls = connection.execute(
                "select datname, bool_and(ssl) from pg_stat_activity join pg_stat_ssl using (pid)"
                " where datname like 'tidemark_%' group by datname order by datname"
            ).fetchall()
    assert by_tls == [
        ("tidemark_dagster", True), ("tidemark_lake", True), ("tidemark_mlflow", True),
    ]  # fmt: skip
    lake.close()
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        psycopg.connect(server.url(certificates.authority, sslmode="disable"))


def test_a_certificate_of_another_authority_is_refused_by_all(settings, settings_for, tmp_path):
    other = make_certificates(tmp_path / "theirs").authority
    with pytest.raises(TidemarkError, match="certificate") as by_psycopg, explained(lambda: None):
        _ = settings_for(other).server
    right = settings.lake_config
    trusted = catalog_secret_options(right)["sslrootcert"]
    theirs = right.postgres_url.get_secret_value().replace(trusted, str(other))
    config = right.model_copy(update={"postgres_url": SecretStr(theirs)})
    with pytest.raises(TidemarkError, match="certificate") as by_engine:
        Lake(config).rows("select 1")
    for raised in (by_psycopg, by_engine):
        assert "sslrootcert" in raised.value.hint
        assert "p@ss" not in str(raised.value)
