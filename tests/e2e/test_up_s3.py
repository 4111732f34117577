"""`tidemark up --s3`: a platform on a local S3 server, from nothing to scores and back."""

import shutil
import stat
import tempfile
from pathlib import Path

import pytest

from demo.reviews import generate_reviews
from tests.e2e.conftest import Tidemark, _processes_of
from tests.servers.listening import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


@pytest.fixture
def outer():
    """The command line on the platform beside which the one on S3 is made."""
    state = Path(tempfile.mkdtemp(prefix="tm-s3-"))
    config = state / "tidemark.toml"
    config.write_text('memory_limit = "1GB"\n')
    ui_port, mlflow_port = free_port(), free_port()
    environment = {
        "TIDEMARK_CONFIG": str(config),
        "TIDEMARK_STATE": str(state),
        "TIDEMARK_UI_PORT": str(ui_port),
        "TIDEMARK_MLFLOW_PORT": str(mlflow_port),
        "TIDEMARK_S3_PORT": str(free_port()),
    }
    command = Tidemark(environment, ui_port, mlflow_port)
    yield command
    command.run("down", "--s3")
    assert _processes_of(state / "s3") == []
    shutil.rmtree(state, ignore_errors=True)


def test_a_platform_on_a_local_s3_server(outer, tmp_path):
    said = outer.run("up", "--s3", "--detach").stdout
    state = Path(outer.environment["TIDEMARK_STATE"]) / "s3"
    file = state / "tidemark.toml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert 'memory_limit = "1GB"' in file.read_text()
    assert f"unset TIDEMARK_STATE; export TIDEMARK_CONFIG={file}" in said.splitlines()
    inner = Tidemark({"TIDEMARK_CONFIG": str(file)}, outer.ui_port, outer.mlflow_port)
    secret = next(
        line.split('"')[1] for line in file.read_text().splitlines() if "s3_secret_key" in line
    )
    pid = int((state / "run" / "s3.pid").read_text().split()[0])
    assert secret not in Path(f"/proc/{pid}/cmdline").read_text()

    generate_reviews(tmp_path, rows=600, seed=1)
    inner.run("land", "reviews", *map(str, sorted(tmp_path.glob("*.jsonl"))[:9]))
    # Beside the daemon, which may have begun already: writers wait for each other.
    inner.run("run")
    rows = inner.rows("select count(*) as n, count(predicted_rating) as p from reviews_scored")
    assert rows[0]["n"] == rows[0]["p"] > 400
    assert any((state / "objects" / "tidemark" / "lake" / "tables").rglob("*.parquet"))
    assert any((state / "objects" / "tidemark" / "lake" / "artifacts" / "mlflow").rglob("MLmodel"))
    stopped = outer.run("down", "--s3").stdout
    assert "s3" in stopped
    assert "postgres" in stopped
