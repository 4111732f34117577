"""Backup and restore with a real model: what comes back is what was there, wherever it is put."""

import json
import pickle
import signal
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import psycopg
import pytest
from pydantic import SecretStr

from lakehouse.backup.create import create_backup
from lakehouse.backup.manifest import MANIFEST, complete_backups, read_entries
from lakehouse.backup.place import Place
from lakehouse.backup.restore import restore_backup, unfinished_restore
from lakehouse.config import LakeConfig, S3Config
from lakehouse.connection import Lake
from lakehouse.errors import TidemarkError
from lakehouse.files_lock import files_lock
from lakehouse.landing.files import land_files, list_landed
from lakehouse.landing.ingest import ingest_files
from lakehouse.maintenance import maintain
from lakehouse.postgres import server_url
from lakehouse.sources import Source
from lakehouse.storage import open_storage
from lakehouse.tables import create_tables
from ml_assets.artifacts import local_folder
from ml_assets.bundle import load_bundle
from ml_assets.challenger import train_challenger
from ml_assets.model_versions import champion_version
from ml_assets.training_set import build_training_set, newest_training_set, read_training_set
from tests.storage import on_every_s3

pytestmark = [
    pytest.mark.integration,
    # MLflow's own imports warn of its dependencies' futures.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*type hint:UserWarning"),
]
ROOT = Path(__file__).resolve().parents[3]
SOURCE = Source(name="a", columns=("id", "text"))
# Runs a call and kills its own process, as a crash would, when so many files have been copied.
_KILLED = """
import os, pickle, signal, sys
from importlib import import_module
module, function, arguments, place, files = pickle.load(sys.stdin.buffer)
class Watch:
    left = files
    def phase(self, text, total_bytes=0):
        if Watch.left == text:
            os.kill(os.getpid(), signal.SIGKILL)
    def advance(self, done_bytes):
        if isinstance(Watch.left, int):
            Watch.left -= 1
            if Watch.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
getattr(import_module(module), function)(*arguments(place), watch=Watch())
"""


@pytest.fixture
def new_database(postgres_server):
    """Makes empty databases, dropped at the end."""
    names = []
    admin = server_url(postgres_server, "postgres")

    def make() -> SecretStr:
        names.append(f"test_{uuid.uuid4().hex[:12]}")
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(f"create database {names[-1]}")
        return SecretStr(server_url(postgres_server, names[-1]))

    yield make
    with psycopg.connect(admin, autocommit=True) as connection:
        for name in names:
            connection.execute(f"drop database {name} with (force)")


@pytest.fixture
def lake_config(lake_config: LakeConfig, tmp_path: Path) -> LakeConfig:
    """The lake's tables and its artifacts are below one folder, as the settings put them."""
    return lake_config.model_copy(update={"data_path": f"{tmp_path}/tables/"})


@pytest.fixture
def place(world, spec, mlflow_url, new_database, tmp_path_factory) -> Place:
    """A platform with a file landed, a champion and a challenger trained, a run of Dagster's."""
    built = build_training_set(
        world.lake, spec, artifact_path=world.artifacts, provenance=world.provenance,
        now=built_at(),
    )  # fmt: skip
    train_challenger(
        world.lake, spec, built,
        registry=world.registry, provenance=world.provenance, now=built_at(),
    )  # fmt: skip
    dagster_url = new_database()
    with psycopg.connect(dagster_url.get_secret_value()) as connection:
        connection.execute("create table runs (id serial primary key, body text)")
        connection.execute("insert into runs (body) values ('a run')")
    landing = str(tmp_path_factory.mktemp("landing"))
    found = Place(
        lake=world.lake.config,
        mlflow_url=SecretStr(mlflow_url),
        dagster_url=dagster_url,
        lake_path=world.artifacts.removesuffix("/artifacts"),
        landing_path=landing,
    )
    _land(world.lake, landing, "one", rows=40)
    return found


@pytest.fixture
def new_place(new_database, tmp_path_factory, place):
    """Makes empty places that hold nothing yet."""

    def make() -> Place:
        folder = tmp_path_factory.mktemp("restored")
        return Place(
            lake=place.lake.model_copy(
                update={"postgres_url": new_database(), "data_path": f"{folder}/lake/tables/"}
            ),
            mlflow_url=new_database(),
            dagster_url=new_database(),
            lake_path=f"{folder}/lake",
            landing_path=f"{folder}/landing",
        )

    return make


def built_at() -> datetime:
    return datetime(2026, 6, 1, tzinfo=UTC)


def _land(lake: Lake, landing: str, name: str, *, rows: int) -> None:
    file = Path(landing) / "a" / f"{name}.jsonl"
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(json.dumps({"id": n, "text": name}) + "\n" for n in range(rows)))
    listed = [one for one in list_landed(landing, "a", S3Config()) if one.key.endswith(file.name)]
    results = ingest_files(lake, SOURCE, listed, landing=landing)
    assert [result.status for result in results] == ["loaded"]


def _content(lake: Lake) -> dict[str, tuple]:
    """A hash of each table's rows, but for what names places, which moves."""
    tables = lake.rows(
        "select schema_name, table_name from duckdb_tables() where database_name = 'lake'"
    )
    left_out = {"training_sets": "path", "model_versions": "bundle_path", "file_ledger": "bucket"}
    found = {}
    for schema, table in tables:
        columns = "*" if table not in left_out else f"* exclude ({left_out[table]})"
        found[f"{schema}.{table}"] = lake.rows(
            f"select count(*), bit_xor(hash(t)), sum(hash(t)::hugeint) from"
            f" (select {columns} from lake.{schema}.{table}) t"
        )[0]
    return found


def _rows(url: SecretStr, query: str) -> list[tuple]:
    with psycopg.connect(url.get_secret_value()) as connection:
        return connection.execute(query).fetchall()


def _killed(function: str, arguments, place: Place, at: int | str) -> None:
    """Runs it in a process of its own that is killed in the middle."""
    module = (
        "lakehouse.backup.create" if function == "create_backup" else "lakehouse.backup.restore"
    )
    code = _KILLED.replace("*arguments(place)", "*arguments")
    ran = subprocess.run(
        [sys.executable, "-c", code],
        input=pickle.dumps((module, function, arguments, place, at)),
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert ran.returncode == -signal.SIGKILL, ran.stderr.decode()


def test_what_was_backed_up_comes_back_in_another_place(place, new_place, spec, tmp_path_factory):
    before = _content(Lake(place.lake))
    assert before["raw.a"][0] == 40
    assert before["ml.model_versions"][0] == 2
    destination = str(tmp_path_factory.mktemp("backups"))
    done = create_backup(place, destination)
    assert done.new_files == done.manifest.files > 8
    new = new_place()
    restored = restore_backup(done.path, new)
    assert restored.copied_files == done.manifest.files
    lake = Lake(new.lake)
    assert _content(lake) == before
    champion = champion_version(lake, spec.name)
    assert champion.version == 1
    assert champion.bundle_path.startswith(f"{new.artifact_path}/")
    with local_folder(champion.bundle_path, new.lake) as folder:
        assert load_bundle(folder, expected_hash=champion.bundle_hash).model.classes == (1, 2, 3)
    built = newest_training_set(lake, spec.name)
    assert built.path.startswith(f"{new.artifact_path}/")
    assert read_training_set(lake, built.path).num_rows == 1500
    for table, column in (
        ("runs", "artifact_uri"),
        ("model_versions", "source"),
        ("model_versions", "storage_location"),
    ):
        uris = _rows(new.mlflow_url, f"select {column} from {table}")
        assert uris
        assert all(uri.startswith(f"{new.artifact_path}/") for (uri,) in uris), (table, uris)
    assert _rows(new.dagster_url, "select body from runs") == [("a run",)]
    assert unfinished_restore(new.url("lake")) is None
    # It goes on: the next write and the next run of Dagster find free numbers.
    with lake.write("after") as write:
        write.connection.execute("insert into lake.raw.a (id) values ('after')")
    assert _rows(new.dagster_url, "insert into runs (body) values ('b') returning id") == [(2,)]


def test_a_landed_file_is_known_in_its_new_place(place, new_place, tmp_path_factory):
    done = create_backup(place, str(tmp_path_factory.mktemp("backups")))
    new = new_place()
    restore_backup(done.path, new)
    # A copy has other times, and so another ETag.
    land_files(
        [Path(place.landing_path) / "a"], source="a", landing=new.landing_path, s3=S3Config()
    )
    lake = Lake(new.lake)
    listed = list_landed(new.landing_path, "a", S3Config())
    results = ingest_files(lake, SOURCE, listed, landing=new.landing_path)
    assert [result.status for result in results] == ["unchanged"]
    assert lake.rows("select count(*) from lake.raw.a") == [(40,)]


def test_the_next_backup_copies_only_what_is_new(place, new_place, tmp_path_factory):
    destination = str(tmp_path_factory.mktemp("backups"))
    first = create_backup(place, destination)
    again = create_backup(place, destination)
    assert (again.new_files, again.manifest.files) == (0, first.manifest.files)
    _land(Lake(place.lake), place.landing_path, "two", rows=3000)
    third = create_backup(place, destination)
    assert third.new_files == third.manifest.files - first.manifest.files == 1
    assert complete_backups(open_storage(destination, S3Config())) == [
        Path(one.path).name for one in (first, again, third)
    ]
    new = new_place()
    restore_backup(first.path, new)
    assert Lake(new.lake).rows("select count(*) from lake.raw.a") == [(40,)]


def test_an_artifact_that_was_replaced_does_not_change_older_backups(
    place, new_place, tmp_path_factory
):
    destination = str(tmp_path_factory.mktemp("backups"))
    plot = Path(place.artifact_path) / "mlflow" / "plot.png"
    plot.write_text("old")
    first = create_backup(place, destination)
    plot.write_text("new")
    assert create_backup(place, destination).new_files == 1
    new = new_place()
    restore_backup(first.path, new)
    assert (Path(new.artifact_path) / "mlflow" / "plot.png").read_text() == "old"


def test_files_that_are_being_published_are_not_in_it(place, tmp_path_factory):
    hidden = Path(place.artifact_path) / "training_sets" / ".publish-x" / "part-0.parquet"
    hidden.parent.mkdir(parents=True)
    hidden.write_text("half")
    done = create_backup(place, str(tmp_path_factory.mktemp("backups")))
    listed = read_entries(Path(done.path) / "files.jsonl")
    assert not [entry for entry in listed if "publish" in entry.path]


def test_a_killed_backup_is_none_and_the_next_goes_on(place, tmp_path_factory):
    destination = str(tmp_path_factory.mktemp("backups"))
    _killed("create_backup", (place, destination), place, 3)
    storage = open_storage(destination, S3Config())
    assert complete_backups(storage) == []
    left = len(list(storage.files("files")))
    assert left >= 3
    done = create_backup(place, destination)
    assert 0 < done.new_files <= done.manifest.files - 3


@pytest.mark.parametrize("at", [3, "restoring the databases", "rewriting places"])
def test_a_killed_restore_can_be_run_again(place, new_place, tmp_path_factory, at):
    done = create_backup(place, str(tmp_path_factory.mktemp("backups")))
    new = new_place()
    _killed("restore_backup", (done.path, new), new, at)
    assert unfinished_restore(new.url("lake")) == Path(done.path).name
    if at == "rewriting places":
        # All rows are there, but the lake names the old place, and cannot be opened in this one.
        with pytest.raises(Exception, match="DATA_PATH"):
            Lake(new.lake).snapshot_id()
    restore_backup(done.path, new)
    assert unfinished_restore(new.url("lake")) is None
    assert _content(Lake(new.lake)) == _content(Lake(place.lake))


def test_a_place_in_use_is_not_restored_over(place, new_place, tmp_path_factory):
    done = create_backup(place, str(tmp_path_factory.mktemp("backups")))
    used = new_place()
    create_tables(Lake(used.lake))
    with pytest.raises(TidemarkError, match="not empty"):
        restore_backup(done.path, used)
    half = new_place().model_copy(update={"dagster_url": place.dagster_url})
    with pytest.raises(TidemarkError, match="dagster has runs"):
        restore_backup(done.path, half)


def test_damage_is_found_and_named(place, new_place, tmp_path_factory):
    done = create_backup(place, str(tmp_path_factory.mktemp("backups")))
    folder = Path(done.path)
    entry = next(e for e in read_entries(folder / "files.jsonl") if e.path.endswith(".parquet"))
    pooled = folder.parent / entry.pooled
    content = pooled.read_bytes()
    pooled.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    new = new_place()
    with pytest.raises(TidemarkError, match=r"damaged: .*is not what was backed up"):
        restore_backup(done.path, new)
    pooled.unlink()
    with pytest.raises(TidemarkError, match=r"damaged: .*is missing"):
        restore_backup(done.path, new)
    pooled.write_bytes(content)
    dump = folder / "mlflow.dump"
    whole = dump.read_bytes()
    dump.write_bytes(whole[:-10])
    with pytest.raises(TidemarkError, match=r"mlflow\.dump is not what"):
        restore_backup(done.path, new)
    dump.write_bytes(whole)
    restore_backup(done.path, new)


def test_a_folder_without_a_manifest_is_no_backup(place, new_place, tmp_path_factory):
    destination = tmp_path_factory.mktemp("backups")
    done = create_backup(place, str(destination))
    with pytest.raises(TidemarkError) as raised:
        restore_backup(str(destination / "20200101T000000Z"), new_place())
    assert Path(done.path).name in raised.value.hint
    text = (Path(done.path) / MANIFEST).read_text()
    (Path(done.path) / MANIFEST).write_text(text.replace('"format": 1', '"format": 9'))
    with pytest.raises(TidemarkError, match="format 9"):
        restore_backup(done.path, new_place())
    (Path(done.path) / MANIFEST).write_text(text.replace('"postgres": "18"', '"postgres": "99"'))
    with pytest.raises(TidemarkError, match="of Postgres 99"):
        restore_backup(done.path, new_place())


def test_a_lake_that_misses_a_file_is_not_backed_up(place, tmp_path_factory):
    file = next(Path(place.lake.data_path).rglob("*.parquet"))
    content = file.read_bytes()
    file.write_bytes(content[:-1])
    destination = str(tmp_path_factory.mktemp("backups"))
    with pytest.raises(TidemarkError, match=r"has [\d,]+ bytes; the catalog says"):
        create_backup(place, destination)
    file.unlink()
    with pytest.raises(TidemarkError, match=f"{file.name} .*is missing"):
        create_backup(place, destination)
    assert complete_backups(open_storage(destination, S3Config())) == []


def test_a_backup_of_the_catalog_alone_wants_the_files_in_place(place, new_place, tmp_path_factory):
    destination = tmp_path_factory.mktemp("backups")
    done = create_backup(place, str(destination), catalog_only=True)
    assert not (destination / "files").exists()
    assert all(len(entry.sha256) == 64 for entry in read_entries(Path(done.path) / "files.jsonl"))
    with pytest.raises(TidemarkError, match="holds no files"):
        restore_backup(done.path, new_place())
    same_files = new_place().model_copy(
        update={"lake_path": place.lake_path, "landing_path": place.landing_path}
    )
    config = same_files.lake.model_copy(update={"data_path": place.lake.data_path})
    same_files = same_files.model_copy(update={"lake": config})
    restore_backup(done.path, same_files)
    assert _content(Lake(same_files.lake)) == _content(Lake(place.lake))
    # A later backup with files copies those that were only listed.
    assert create_backup(place, str(destination)).new_files == done.manifest.files


def test_maintenance_waits_for_a_backup_that_copies(place):
    lake = Lake(place.lake)
    told = []

    def work() -> None:
        maintain(
            lake, now=built_at(), keep_history=timedelta(0), orphans_after=timedelta(days=1),
            on_progress=told.append,
        )  # fmt: skip

    thread = Thread(target=work)
    with files_lock(place.url("lake"), "backup"):
        thread.start()
        time.sleep(1)
        assert told == []
    thread.join(120)
    assert "deleting files that nothing needs" in told
    lake.close()


@on_every_s3
def test_it_goes_over_s3_from_s3_to_s3(storage, new_database, lake_config):
    config = lake_config.model_copy(
        update={"data_path": f"{storage.root}/lake/tables/", "s3": storage.s3}
    )
    place = Place(
        lake=config,
        mlflow_url=new_database(),
        dagster_url=new_database(),
        lake_path=f"{storage.root}/lake",
        landing_path=f"{storage.root}/landing",
    )
    lake = Lake(config)
    create_tables(lake)
    with lake.write("rows") as write:
        write.connection.execute("create table lake.raw.b as select i from range(1000) t(i)")
    done = create_backup(place, f"{storage.root}/backups")
    assert (done.new_files, done.manifest.files) == (1, 1)
    assert create_backup(place, f"{storage.root}/backups").new_files == 0
    new = Place(
        lake=config.model_copy(
            update={"postgres_url": new_database(), "data_path": f"{storage.root}/new/tables/"}
        ),
        mlflow_url=new_database(),
        dagster_url=new_database(),
        lake_path=f"{storage.root}/new",
        landing_path=f"{storage.root}/landing",
    )
    restore_backup(done.path, new)
    open_storage(place.lake_path, storage.s3).delete(
        next(iter(open_storage(place.lake_path, storage.s3).files())).path
    )
    assert Lake(new.lake).rows("select sum(i) from lake.raw.b") == [(499_500,)]
    with pytest.raises(TidemarkError, match="is missing"):
        create_backup(place, f"{storage.root}/backups")
