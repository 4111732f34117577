"""Catalog dumps: taken beside a build, bounded, never of a damaged catalog, restorable."""

import shutil
import time
from pathlib import Path

import psycopg
import pytest

from lakehouse.catalog_dump import CatalogDump, kept_dumps, take_dump
from lakehouse.catalog_restore import restore_catalog
from lakehouse.connection import Lake
from lakehouse.errors import TidemarkError

pytestmark = pytest.mark.integration


def _insert(lake: Lake, rows: int) -> None:
    with lake.write("rows") as write:
        write.connection.execute(f"insert into lake.raw.t select i from range({rows}) r(i)")


@pytest.fixture
def filled(lake: Lake) -> Lake:
    """A lake with a table of 100 rows."""
    with lake.write("table") as write:
        write.connection.execute("create table lake.raw.t (i integer)")
    _insert(lake, 100)
    return lake


def _url(lake: Lake) -> str:
    return lake.config.postgres_url.get_secret_value()


def _dump(lake: Lake, folder: Path, *, keep: int = 20) -> str | None:
    dump = CatalogDump(_url(lake), folder, keep=keep)
    dump.start()
    return dump.warning(wait_seconds=120)


def test_a_dump_brings_the_catalog_back(filled, tmp_path):
    assert _dump(filled, tmp_path / "dumps") is None
    (dump,) = kept_dumps(tmp_path / "dumps")
    snapshot = filled.snapshot_id()
    _insert(filled, 50)
    with filled.write("more") as write:
        write.connection.execute("create table lake.raw.later as select 1 as one")
    filled.close()
    done = restore_catalog(filled.config, dump, folder=tmp_path / "dumps")
    assert done.snapshot_id == snapshot
    assert filled.rows("select count(*) from lake.raw.t") == [(100,)]
    # Ids that the undone commits had are free again, the tables of small commits among them.
    with filled.write("again") as write:
        write.connection.execute("create table lake.raw.again as select 2 as two")
    assert filled.rows("from lake.raw.again") == [(2,)]
    filled.close()
    restore_catalog(filled.config, done.before, folder=tmp_path / "dumps")
    assert filled.rows("select count(*) from lake.raw.t") == [(150,)]
    assert len(kept_dumps(tmp_path / "dumps")) == 1


def test_a_dump_that_needs_files_that_are_gone_changes_nothing(filled, tmp_path):
    dump = take_dump(_url(filled), tmp_path / "dumps")
    file = next(Path(filled.config.data_path).rglob("*.parquet"))
    with filled.write("empty") as write:
        write.connection.execute("drop table lake.raw.t")
    snapshot = filled.snapshot_id()
    filled.close()
    shutil.move(file, tmp_path / "away")
    with pytest.raises(TidemarkError, match="1 of 1 files that it needs are gone") as raised:
        restore_catalog(filled.config, dump, folder=tmp_path / "dumps")
    assert file.name in raised.value.message
    assert filled.snapshot_id() == snapshot


def test_what_is_no_dump_of_this_lake_changes_nothing(filled, tmp_path):
    snapshot = filled.snapshot_id()
    dump = take_dump(_url(filled), tmp_path / "dumps")
    other = filled.config.model_copy(update={"data_path": f"{tmp_path}/elsewhere/"})
    for config, file, told in (
        (filled.config, tmp_path / "damaged.dump", "not a dump that can be read"),
        (other, dump, "is of a lake in"),
    ):
        (tmp_path / "damaged.dump").write_bytes(dump.read_bytes()[:200])
        filled.close()
        with pytest.raises(TidemarkError, match=told):
            restore_catalog(config, file, folder=tmp_path / "dumps")
        assert filled.snapshot_id() == snapshot


def test_only_the_newest_are_kept(filled, tmp_path):
    for _ in range(4):
        assert _dump(filled, tmp_path / "dumps", keep=2) is None
    kept = kept_dumps(tmp_path / "dumps")
    assert len(kept) == 2
    assert kept == sorted((tmp_path / "dumps").iterdir())
    assert _dump(filled, tmp_path / "none", keep=0) is None
    assert not (tmp_path / "none").exists()
    assert (tmp_path / "dumps").stat().st_mode & 0o077 == 0


def test_a_damaged_catalog_displaces_no_good_dump(filled, tmp_path):
    _dump(filled, tmp_path / "dumps", keep=1)
    kept = kept_dumps(tmp_path / "dumps")
    with psycopg.connect(_url(filled)) as connection:
        connection.execute("update ducklake_data_file set end_snapshot = 1")
    assert "damaged" in str(_dump(filled, tmp_path / "dumps", keep=1))
    assert kept_dumps(tmp_path / "dumps") == kept


def test_a_failure_is_a_warning(filled, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert "was not dumped" in str(_dump(filled, tmp_path / "file" / "dumps"))
    dump = CatalogDump("postgresql://127.0.0.1:1/lake", tmp_path / "dumps", keep=2)
    dump.start()
    assert "was not dumped" in str(dump.warning(wait_seconds=60))


def test_the_build_does_not_wait(filled, tmp_path):
    dump = CatalogDump(_url(filled), tmp_path / "dumps", keep=2)
    started = time.perf_counter()
    dump.start()
    dump.warning()
    assert time.perf_counter() - started < 0.3
    assert dump.warning(wait_seconds=120) is None
    assert len(kept_dumps(tmp_path / "dumps")) == 1
