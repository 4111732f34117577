"""`tidemark backup`, `restore` and `doctor` on a platform that has run: it goes on elsewhere."""

import json
import shutil
import tempfile
from pathlib import Path

import pytest

from dagster_project.lake_reader import read_only_lake
from dagster_project.settings import load_settings

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(1200),
    # Dagster warns of the futures of its own dependencies.
    pytest.mark.filterwarnings("ignore"),
]

_PLACES = {
    "training_sets": "path",
    "model_versions": "bundle_path",
    "file_ledger": "bucket",
}


def _content(environment: dict[str, str]) -> dict[str, tuple]:
    """A hash of each table's rows, but for what names places, which moves."""
    with read_only_lake(load_settings(environment)) as lake:
        tables = lake.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = 'lake'"
        ).fetchall()
        return {
            f"{schema}.{table}": lake.execute(
                "select count(*), sum(hash(t)::hugeint) from (select * "
                + (f"exclude ({_PLACES[table]}) " if table in _PLACES else "")
                + f"from lake.{schema}.{table}) t"
            ).fetchone()
            for schema, table in tables
        }


@pytest.fixture(scope="module")
def elsewhere(platform, tmp_path_factory):
    """The platform restored to a state folder of its own, its landed files copied; the content."""
    destination = tmp_path_factory.mktemp("backups")
    done = json.loads(platform.answer("backup", str(destination), "--json"))
    assert done["files"] == done["new_files"] > 20
    assert json.loads(platform.answer("backup", str(destination), "--json"))["new_files"] == 0
    before = _content(platform.environment)
    state = Path(tempfile.mkdtemp(prefix="tm-else-"))
    new = type(platform)(
        state,
        platform.environment | {"TIDEMARK_STATE": str(state)},
        landed=platform.landed,
        base=dict(platform.base),
    )
    # As a copy to another machine does: the times of the files are lost.
    shutil.copytree(platform.state / "landing", state / "landing", copy_function=shutil.copyfile)
    restored = json.loads(new.answer("restore", done["backup"], "--json"))
    assert restored["files"] == restored["copied_files"] == done["files"]
    yield new, before
    new.answer("down")
    shutil.rmtree(state)


def test_the_restored_platform_is_the_same_and_goes_on(elsewhere):
    new, before = elsewhere
    assert before["marts.reviews_scored"][0] > 1700
    assert _content(new.environment) == before
    findings = json.loads(new.answer("doctor", "--deep", "--json"))
    assert {one["status"] for one in findings["findings"]} == {"good"}, findings
    # Every landed file is known, though its place and its times are others: none comes twice.
    new.land_good("after_restore")
    new.answer("run")
    new.assert_exact()


def test_a_place_in_use_is_refused_in_one_message(platform, elsewhere, tmp_path):
    assert "no complete backup" in platform.error("restore", str(tmp_path / "nothing"))
    assert "Name either" in platform.error("restore")
    backups = json.loads(platform.answer("backup", str(tmp_path / "b"), "--json"))
    assert "is not empty" in platform.error("restore", backups["backup"])


def test_a_damaged_catalog_is_refused_by_maintenance_and_put_back_by_a_dump(elsewhere):
    """Last: it undoes a run."""
    import psycopg

    new, _ = elsewhere
    dumps = sorted((new.state / "catalog_dumps").glob("[0-9]*.dump"))
    assert len(dumps) >= 2
    with psycopg.connect(load_settings(new.environment).server.lake) as connection:
        connection.execute("update ducklake_table_stats set next_row_id = 1 where next_row_id > 1")
    assert "things are broken" in new.error("doctor")
    assert "ops/catalog" in new.error("maintain")
    message = json.loads(new.answer("restore", "--catalog", str(dumps[-2]), "--json"))
    assert Path(message["before"]).exists()
    new.answer("doctor")
    new.answer("run")
    new.assert_exact()
    new.answer("maintain")
    new.answer("doctor", "--deep")
