"""The doctor: each thing is broken on purpose, found with a remedy, and mended where it is safe."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import psycopg
import pytest

from dagster_project.cli.doctor import _examined
from dagster_project.cli.main import app
from dagster_project.dead_runs import PROCESS_TAG
from dagster_project.doctor import examination, leftovers, places, postgres, versions
from dagster_project.doctor.finding import Finding, repaired
from dagster_project.doctor.policy import iam_policy, postgres_grants
from dagster_project.instance import open_instance
from dagster_project.settings import Settings, load_settings
from lakehouse.connection import Lake
from lakehouse.postgres import server_url, start_server, stop_server
from lakehouse.tables import create_tables
from ml_assets.model_versions import ModelVersion, record_version

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore"),
]


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _model_files(settings: Settings) -> ModelVersion:
    """A bundle on the disk, and the version that it belongs to."""
    folder = Path(settings.artifact_path) / "mlflow" / "m" / "model"
    folder.mkdir(parents=True)
    (folder / "part").write_bytes(b"part")
    manifest = json.dumps({"files": {"part": _sha(b"part")}}).encode()
    (folder / "bundle.json").write_bytes(manifest)
    return ModelVersion(
        model="m", version=1, algorithm="a", bundle_path=str(folder), bundle_hash=_sha(manifest),
        mlflow_run_id="r", training_set_hash="t", features_version="f", spec_hash="s",
        manifest_hash="h", git_revision="g", source_snapshot_id=1, fit_seconds=1.0,
        predict_seconds=1.0, trained_at=datetime.now(UTC), run_id="r",
    )  # fmt: skip


@pytest.fixture(scope="module")
def settings():
    """A platform with a table of one file and a registered model."""
    state = Path(tempfile.mkdtemp(prefix="tm-doc-"))
    (state / "tidemark.toml").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", "")
        found = load_settings(
            {"TIDEMARK_STATE": str(state), "TIDEMARK_CONFIG": str(state / "tidemark.toml")}
        )
        lake = Lake(found.lake_config)
        create_tables(lake)
        with lake.write("table") as write:
            write.connection.execute("create table lake.raw.t as select i from range(500) r(i)")
        record_version(lake, _model_files(found))
        lake.close()
        yield found
    stop_server(found.postgres_folder)
    shutil.rmtree(state, ignore_errors=True)


def _broken(findings) -> list[str]:
    return [finding.what for finding in findings if finding.status == "broken"]


def _of(findings, area: str, status: str) -> list[Finding]:
    return [finding for finding in findings if (finding.area, finding.status) == (area, status)]


def _lake(settings: Settings, *, deep: bool = False) -> list[Finding]:
    return list(examination._lake(settings, deep=deep))


def _data_file(settings: Settings) -> Path:
    return next((Path(settings.lake_path) / "tables").rglob("*.parquet"))


def test_a_sound_platform_has_nothing_but_good_findings(settings):
    findings = list(examination.examine(settings, deep=True))
    assert {finding.status for finding in findings} == {"good"}, findings
    assert {finding.area for finding in findings} == {
        "versions", "places", "disk", "postgres", "clock", "catalog", "files", "artifacts",
    }  # fmt: skip


def test_every_finding_that_is_not_good_has_a_remedy(settings):
    file = _data_file(settings)
    content = file.read_bytes()
    file.unlink()
    try:
        findings = _lake(settings)
    finally:
        file.write_bytes(content)
    assert any(f"{file} of raw.t is missing" in what for what in _broken(findings))
    assert all(finding.remedy for finding in findings if finding.status != "good")


def test_a_truncated_file_is_found_by_its_size(settings):
    file = _data_file(settings)
    content = file.read_bytes()
    file.write_bytes(content[:-5])
    found = _broken(_lake(settings))
    file.write_bytes(content)
    assert found == [f"{file} of raw.t has {len(content) - 5:,} bytes, not {len(content):,}"]


def test_a_damaged_footer_is_found_by_reading_it(settings):
    file = _data_file(settings)
    content = file.read_bytes()
    file.write_bytes(content[:-8] + b"\xff" * 8)
    quick, deep = _broken(_lake(settings)), _broken(_lake(settings, deep=True))
    file.write_bytes(content)
    assert quick == []
    assert [what for what in deep if "cannot be read" in what]


def test_a_damaged_catalog_is_found_and_nothing_is_deleted_by_it(settings):
    orphan = _data_file(settings).with_name("ducklake-left.parquet")
    shutil.copy(_data_file(settings), orphan)
    old = time.time() - 3 * 86_400
    os.utime(orphan, (old, old))
    with psycopg.connect(settings.server.lake, autocommit=True) as connection:
        connection.execute("update ducklake_table_stats set next_row_id = next_row_id - 400")
        found = _lake(settings)
        connection.execute("update ducklake_table_stats set next_row_id = next_row_id + 400")
    assert _of(found, "catalog", "broken")
    (left,) = _of(found, "leftovers", "warning")
    assert left.repair is None
    (left,) = _of(_lake(settings), "leftovers", "warning")
    assert repaired(left).status == "repaired"
    assert not orphan.exists()
    assert _of(_lake(settings), "leftovers", "warning") == []


def test_a_fresh_file_without_a_commit_is_no_orphan_yet(settings):
    fresh = _data_file(settings).with_name("ducklake-fresh.parquet")
    shutil.copy(_data_file(settings), fresh)
    found = _lake(settings)
    fresh.unlink()
    assert _of(found, "leftovers", "warning") == []


def test_a_lake_at_another_place_than_the_settings_say_is_found(settings):
    elsewhere = settings.model_copy(update={"lake": str(settings.state / "other")})
    assert any("the settings name" in what for what in _broken(_lake(elsewhere)))


def test_a_restore_that_was_cut_short_is_found(settings):
    with psycopg.connect(settings.server.lake, autocommit=True) as connection:
        connection.execute("create table tidemark_unfinished_restore (backup text)")
        connection.execute("insert into tidemark_unfinished_restore values ('20260101')")
        found = _broken(_lake(settings))
        connection.execute("drop table tidemark_unfinished_restore")
    assert found == ["the restore of backup 20260101 was cut short"]


def test_missing_and_changed_bundles_are_found(settings):
    folder = Path(settings.artifact_path) / "mlflow" / "m" / "model"
    for name, content, deep, told in (
        ("bundle.json", None, False, "is missing"),
        ("bundle.json", b"{}", False, "is not what was registered"),
        ("part", None, False, "is incomplete"),
        ("part", b"PART", True, "was changed"),
    ):
        before = (folder / name).read_bytes()
        (folder / name).unlink()
        if content is not None:
            (folder / name).write_bytes(content)
        found = _of(_lake(settings, deep=deep), "artifacts", "broken")
        (folder / name).write_bytes(before)
        assert [finding for finding in found if told in finding.what], (name, told, found)


def test_a_missing_training_set_is_found(settings):
    lake = Lake(settings.lake_config)
    with lake.write("training set") as write:
        write.connection.execute(
            "insert into lake.ml.training_sets (model, training_set_hash, path,"
            " source_snapshot_id, features_version, spec_hash, manifest_hash, train_rows,"
            " holdout_rows, excluded_rows, columns, created_at, run_id) values"
            " ('m', 'h', ?, 1, 'f', 's', 'm', 1, 1, 0, '[]', now(), 'r')",
            [f"{settings.artifact_path}/training_sets/m/h"],
        )
    found = _broken(_lake(settings))
    with lake.write("undo") as write:
        write.connection.execute("delete from lake.ml.training_sets")
    lake.close()
    assert [what for what in found if what.startswith("a training set of m is missing")]


def test_another_version_of_a_package_is_found(monkeypatch):
    # What is installed cannot be broken for one test.
    real = versions.version
    monkeypatch.setattr(
        versions, "version", lambda name: "1.4.0" if name == "duckdb" else real(name)
    )
    assert _broken(versions.check_versions()) == ["duckdb 1.4.0, not ==1.5.5"]


def test_a_postgres_without_rights_is_found(settings):
    with psycopg.connect(settings.server.lake, autocommit=True) as connection:
        connection.execute("create role doctor_poor login")
    try:
        url = settings.server.lake.replace("postgres@", "doctor_poor@")
        with psycopg.connect(url, autocommit=True) as connection:
            found = list(postgres.check_rights(connection, "tidemark_lake"))
    finally:
        with psycopg.connect(settings.server.lake, autocommit=True) as connection:
            connection.execute("drop role doctor_poor")
    assert "doctor_poor may not make tables" in found[0].what
    assert "alter database" in found[0].remedy


def test_the_rights_probe_leaves_nothing_behind(settings):
    with psycopg.connect(settings.server.lake, autocommit=True) as connection:
        assert next(postgres.check_rights(connection, "x")).status == "good"
        left = connection.execute(
            "select count(*) from pg_tables where tablename like 'tidemark_doctor%'"
        ).fetchone()
    assert left == (0,)


def test_a_postgres_that_does_not_answer_is_one_finding_and_the_rest_goes_on(settings):
    gone = load_settings(
        {
            "TIDEMARK_STATE": str(settings.state),
            "TIDEMARK_CONFIG": str(settings.state / "tidemark.toml"),
            "TIDEMARK_POSTGRES": "postgresql://127.0.0.1:1/lake",
        }
    )
    findings = list(examination.examine(gone, deep=False))
    assert ["does not answer" in what for what in _broken(findings)] == [True]
    assert _of(findings, "places", "good")


@pytest.mark.parametrize(
    ("seconds", "status"), [(0.2, "good"), (-30, "warning"), (600, "broken"), (-600, "broken")]
)
def test_a_wrong_clock_is_found(seconds, status):
    finding = postgres.clock_finding("Postgres", seconds)
    assert finding.status == status
    if status != "good":
        assert ("ahead of" if seconds > 0 else "behind") in finding.what


def test_folders_that_cannot_be_used_are_found(settings, tmp_path):
    (tmp_path / "file").write_text("in the way")
    for name in ("state", "lake", "landing"):
        path = tmp_path / "file" / "inner"
        value = path if name == "state" else str(path)
        found = _broken(places.check_places(settings.model_copy(update={name: value})))
        assert [what for what in found if str(path) in what], (name, found)


def test_a_disk_that_runs_full_is_found(settings, monkeypatch):
    for free, status in ((1 << 29, "warning"), (1 << 20, "broken")):
        usage = shutil._ntuple_diskusage(1 << 40, 0, free)
        monkeypatch.setattr(places.shutil, "disk_usage", lambda _, usage=usage: usage)
        assert _of(places.check_places(settings), "disk", status)


def test_what_the_keys_may_do_on_s3_is_tried(settings, new_storage):
    storage = new_storage("radosgw")
    on_s3 = settings.model_copy(
        update={
            "lake": f"{storage.root}/lake",
            "landing": f"{storage.root}/landing",
            "s3_endpoint": storage.s3.endpoint,
            "s3_access_key": storage.s3.access_key,
            "s3_secret_key": storage.s3.secret_key,
        }
    )
    findings = list(places.check_places(on_s3))
    assert _broken(findings) == []
    said = [finding.what for finding in findings if finding.area == "places"]
    assert f"the lake {storage.root}/lake: list, put, get, delete" in said
    assert f"the landing zone {storage.root}/landing: list" in said
    assert _of(findings, "clock", "good")
    wrong = on_s3.model_copy(update={"s3_secret_key": storage.s3.access_key})
    assert len([what for what in _broken(places.check_places(wrong)) if "list failed" in what]) == 2
    missing = on_s3.model_copy(update={"lake": "s3://there-is-no-such-bucket/lake"})
    assert [what for what in _broken(places.check_places(missing)) if "no-such-bucket" in what]


def test_leftovers_are_found_and_removed_with_fix(settings):
    state = settings.state
    (state / "run").mkdir(exist_ok=True)
    (state / "run" / "mlflow-ui.pid").write_text("1\nlong ago\n")
    for parent in ("scratch", "tmp"):
        (state / parent / "aa").mkdir(parents=True)
        (state / parent / "aa.lock").touch()
    old, fresh = (settings.catalog_dump_folder / f"{name}.part" for name in ("old", "fresh"))
    settings.catalog_dump_folder.mkdir(exist_ok=True)
    old.touch()
    fresh.touch()
    ago = time.time() - 3 * 86_400
    os.utime(old, (ago, ago))
    findings = [one for one in leftovers.check_leftovers(settings) if one.status == "warning"]
    assert len(findings) == 3, findings
    done = [repaired(finding) for finding in findings]
    assert {finding.status for finding in done} == {"repaired"}
    assert "mlflow-ui" in done[0].what
    assert not (state / "run" / "mlflow-ui.pid").exists()
    assert not (state / "scratch" / "aa").exists()
    assert not (state / "tmp" / "aa").exists()
    assert (old.exists(), fresh.exists()) == (False, True)
    assert list(leftovers.check_leftovers(settings)) == []


@dg.op
def nothing() -> None:
    """Does nothing."""


@dg.job
def one_step() -> None:
    nothing()


def test_dead_runs_are_found_and_closed_with_fix(settings):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    with open_instance(settings) as instance:
        run = instance.create_run_for_job(
            one_step,
            status=dg.DagsterRunStatus.STARTED,
            tags={PROCESS_TAG: f"{socket.gethostname()} {process.pid} 1.0"},
        )
    (found,) = leftovers.check_leftovers(settings)
    assert "1 runs" in found.what
    assert repaired(found).what.endswith("1 marked as failed")
    with open_instance(settings) as instance:
        assert instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.FAILURE
    assert list(leftovers.check_leftovers(settings)) == []


def test_fix_repairs_only_what_has_a_repair(settings):
    (settings.state / "run").mkdir(exist_ok=True)
    (settings.state / "run" / "dagster-ui.pid").write_text("1\nlong ago\n")
    findings = _examined(settings, fix=True, deep=False, quiet=True)
    assert [finding.area for finding in findings if finding.status == "repaired"] == ["leftovers"]
    assert not (settings.state / "run" / "dagster-ui.pid").exists()


def test_the_command_prints_json_and_fails_only_for_what_is_broken(settings, capsys, monkeypatch):
    for name, value in (
        ("TIDEMARK_STATE", str(settings.state)),
        ("TIDEMARK_CONFIG", str(settings.state / "tidemark.toml")),
    ):
        monkeypatch.setenv(name, value)
    app(["doctor", "--json"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out)["broken"] == 0
    file = _data_file(settings)
    shutil.move(file, settings.state / "away")
    with pytest.raises(Exception, match="is missing"):
        app(["doctor", "--json"], standalone_mode=False)
    shutil.move(settings.state / "away", file)
    found = json.loads(capsys.readouterr().out)
    assert found["broken"] == 1
    assert next(one for one in found["findings"] if one["status"] == "broken")["remedy"]


def test_the_policy_names_only_what_the_settings_name(settings):
    assert iam_policy(settings)["Statement"] == []
    on_s3 = settings.model_copy(
        update={
            "lake": "s3://data/lake",
            "landing": "s3://inbox",
            "s3_encryption": "aws:kms",
            "s3_kms_key": "key-id",
        }
    )
    found = {one["Sid"]: one for one in iam_policy(on_s3)["Statement"]}
    assert found["LakeObjects"]["Resource"] == "arn:aws:s3:::data/lake/*"
    assert "s3:DeleteObject" in found["LakeObjects"]["Action"]
    assert found["LakeList"]["Condition"] == {"StringLike": {"s3:prefix": ["lake", "lake/*"]}}
    assert found["LandingObjects"]["Action"] == ["s3:GetObject"]
    assert "Condition" not in found["LandingList"]
    assert found["Encryption"]["Resource"].endswith("key/key-id")
    assert "*" not in {one["Resource"] for one in found.values()}


def test_the_grants_are_enough_for_the_platform_on_a_server_of_its_own(short_folder):
    """Run as printed, by an administrator; then the role does everything that the doctor tries."""
    folder = short_folder / "grants"
    status = start_server(folder)
    try:
        database = "postgres"
        for statement in postgres_grants():
            if statement.startswith("\\connect"):
                database = statement.split()[1]
                continue
            with psycopg.connect(server_url(status, database), autocommit=True) as connection:
                connection.execute(statement.partition("--")[0])
        url = server_url(status, "tidemark_lake").replace("postgres@", "tidemark@")
        with psycopg.connect(url, autocommit=True) as connection:
            assert _broken(postgres.check_rights(connection, "tidemark_lake")) == []
            connection.execute("create table probe as select 1 as one")
        reader = url.replace("tidemark@", "tidemark_reader@")
        with psycopg.connect(reader) as connection:
            assert connection.execute("select one from probe").fetchone() == (1,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("delete from probe")
    finally:
        stop_server(folder)
