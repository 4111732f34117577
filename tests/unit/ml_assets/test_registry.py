import psycopg
import pytest
from pydantic import SecretStr

from lakehouse.config import LakeConfig
from lakehouse.failures import explanation_of
from ml_assets.registry import Registry
from tests.servers.listening import free_port


@pytest.mark.timeout(60)  # by itself MLflow would ask for 100 seconds
def test_a_server_that_is_gone_is_told_at_once(tmp_path):
    url = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    config = LakeConfig(
        postgres_url=SecretStr(url), data_path=f"{tmp_path}/lake/", state_folder=tmp_path
    )
    with pytest.raises(psycopg.OperationalError) as failed:
        Registry(url, str(tmp_path), config).warm_up()
    assert "does not answer" in str(explanation_of(failed.value))
