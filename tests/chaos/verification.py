"""The questions that the platform must answer after whatever happened and one more run."""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from dagster_project.instance import open_instance
from lakehouse.catalog_files import catalog_files
from lakehouse.catalog_probe import probe_catalog
from lakehouse.connection import Lake
from lakehouse.maintenance import maintain
from ml_assets.abandoned import remove_abandoned
from ml_assets.bundle import load_bundle
from ml_assets.registry import Registry
from tests.chaos.victim import Victim

_KEYED = (
    ("raw.reviews", "(_load_id, _line)"),
    ("staging.stg_reviews", "review_id"),
    ("intermediate.int_reviews_outcomes", "review_id"),
    ("marts.review_features", "review_id"),
)


def verify(victim: Victim) -> None:
    """Every line is a row or rejected, every row has one outcome, every clean row one score."""
    lake = victim.lake()
    try:
        _verify_lines(victim, lake)
        _verify_rows(lake)
        _verify_files(victim, lake)
    finally:
        lake.close()
    assert not (faults := probe_catalog(victim.settings.server.lake)), faults
    _verify_processes(victim)


def verify_no_leftovers(victim: Victim) -> None:
    """After a maintenance the storage holds what the catalog and the lake's rows name, no more."""
    lake, settings = victim.lake(), victim.settings
    registry = Registry(settings.server.mlflow, settings.artifact_path, settings.lake_config)
    now = datetime.now(UTC)
    try:
        maintain(lake, now=now, keep_history=timedelta(0), orphans_after=timedelta(0))
        remove_abandoned(
            lake, registry, artifact_path=settings.artifact_path, older_than=datetime.now(UTC)
        )
        stored, named = victim.storage.files("tables/"), _named(victim)
        assert stored == named, f"left: {stored - named}, missing: {named - stored}"
        _verify_artifacts(victim, lake)
    finally:
        lake.close()


def _verify_artifacts(victim: Victim, lake: Lake) -> None:
    root = victim.settings.artifact_path
    named = {path for (path,) in lake.rows("select path from lake.ml.training_sets")}
    for model, version, bundle in lake.rows(
        "select model, model_version, bundle_path from lake.ml.model_versions"
    ):
        # The plots lie beside the bundle.
        named |= {bundle, bundle.removesuffix("model") + "plots"}
        named.add(f"{root}/evaluations/{model}/{version}")
    found = {file.rpartition("/")[0] for file in victim.storage.files("artifacts/")}
    left = {folder for folder in found if not any(f"{folder}/".startswith(f"{n}/") for n in named)}
    assert not left, f"no row names {left}"


def _verify_lines(victim: Victim, lake: Lake) -> None:
    ledger = lake.rows(
        "select file, lines, (select count(*) from lake.raw.reviews where _load_id = load_id),"
        " (select count(*) from lake.raw.rejected_lines as r where r._load_id = ledger.load_id)"
        " from lake.ops.file_ledger as ledger where superseded_by is null"
    )
    found = {Path(file).name: counts for file, *counts in ledger}
    assert len(found) == len(ledger), "two present versions of a file"
    assert {name: counts[0] for name, counts in found.items()} == {
        name: sum(bool(line.strip()) for line in lines) for name, lines in victim.landed.items()
    }
    for name, (lines, raw, rejected) in found.items():
        assert lines == raw + rejected, (name, lines, raw, rejected)
    total = lake.rows("select count(*) from lake.raw.reviews")[0][0]
    assert total == sum(raw for _, raw, _ in found.values()), "rows of superseded loads"


def _verify_rows(lake: Lake) -> None:
    counts = {
        table: lake.rows(f"select count(*), count(distinct {key}) from lake.{table}")[0]
        for table, key in _KEYED
    }
    assert all(rows == keys for rows, keys in counts.values()), counts
    raw, staged, outcomes, clean = (rows for rows, _ in counts.values())
    assert raw == staged == outcomes, counts
    by_outcome = dict(
        lake.rows(
            "select outcome, count(*) from lake.intermediate.int_reviews_outcomes group by outcome"
        )
    )
    assert by_outcome["clean"] == clean, (by_outcome, counts)
    scored = lake.rows(
        "select count(*), count(distinct review_id), count(predicted_rating)"
        " from lake.marts.reviews_scored"
    )
    assert scored == [(clean,) * 3], (scored, clean)
    doubled = lake.rows(
        "select entity_key from lake.ml.scores_reviews_rating"
        " group by entity_key, model_version having count(*) > 1"
    )
    assert doubled == []
    accounted = lake.rows(
        "select balanced, explanation, clean from lake.ops.row_accounting"
        " where source = 'reviews' order by accounted_at desc limit 1"
    )[0]
    assert accounted[0], accounted
    assert accounted[2] == clean, accounted


def _verify_files(victim: Victim, lake: Lake) -> None:
    present = victim.storage.files("")
    missing = _named(victim) - present
    assert not missing, f"the catalog names files that are not there: {missing}"
    for path, bundle_hash in lake.rows(
        "select bundle_path, bundle_hash from lake.ml.model_versions"
    ):
        assert any(file.startswith(f"{path}/") for file in present), path
        if not path.startswith("s3://"):
            load_bundle(Path(path), expected_hash=bundle_hash)
    for (path,) in lake.rows("select path from lake.ml.training_sets"):
        assert any(file.startswith(f"{path}/") for file in present), path


def _verify_processes(victim: Victim) -> None:
    deadline = time.monotonic() + 10
    while left := victim.leftover_processes():
        assert time.monotonic() < deadline, left
        time.sleep(0.1)
    with open_instance(victim.settings) as instance:
        states = {record.dagster_run.status.value for record in instance.get_run_records(limit=9)}
    assert states <= {"SUCCESS", "FAILURE"}, json.dumps(sorted(states))


def _named(victim: Victim) -> set[str]:
    """The files of all snapshots that are still there."""
    with psycopg.connect(victim.settings.server.lake) as connection:
        return {file.path for file in catalog_files(connection)}
