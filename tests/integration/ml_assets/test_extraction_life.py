"""An extraction's life on a real lake and a real MLflow: declare, judge, read, watch, change."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import dagster as dg
import numpy as np
import pyarrow as pa
import pytest

from dagster_project.cli.extraction_report import extraction_report
from dagster_project.unfinished import is_unmonitored
from lakehouse.code_versions import CodeVersion
from ml_assets.assets.extraction import extraction_assets
from ml_assets.extraction.declaration import MANIFEST
from ml_assets.extraction.judging import judge_version
from ml_assets.extraction.scoring import extract_waiting
from ml_assets.extraction.steps import occurrence_step, realised_step
from ml_assets.extraction.table import count_waiting, extractions_table
from ml_assets.extraction.versions import current_version, extractor_state
from ml_assets.model_versions import champion_version
from ml_assets.provenance import Provenance
from ml_assets.registry import Registry
from ml_assets.runtime import Runtime
from ml_assets.spec.extraction import ExtractionSpec
from ml_assets.task_engine import LocalEngine
from tests.storage import on_folder_and_s3

pytestmark = [
    pytest.mark.integration,
    # MLflow's own imports warn of its dependencies' futures.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*type hint:UserWarning"),
]
NOW = datetime(2026, 6, 1, tzinfo=UTC)
_PARTS = ["string", "neck", "capo"]
_SPANISH = {"string": "cuerda", "neck": "mástil", "capo": "cejilla"}
DICTIONARY = {part: [part, word] for part, word in _SPANISH.items()}


def rows(n: int, *, seed: int, month: int, capos: float = 0.3, labelled: int = 0) -> pa.Table:
    """Texts that name a part, half of them in Spanish, and a price; the truth of the first ones."""
    rng = np.random.default_rng(seed)
    share = [(1 - capos) / 2, (1 - capos) / 2, capos]
    parts = rng.choice(_PARTS, n, p=share)
    spanish = rng.random(n) < 0.5
    prices = rng.integers(5, 500, n)
    texts = [
        f"¡La {_SPANISH[part]} está bien! 🎸 Costó ${price}.50"
        if es
        else f"A {part} for ${price}.50"
        for part, es, price in zip(parts, spanish, prices, strict=True)
    ]
    first = datetime(2026, month, 1, tzinfo=UTC)
    known = np.arange(n) < labelled
    return pa.table(
        {
            "note_id": [f"{month}-{i}" for i in range(n)],
            "noted_at": pa.array(
                [first + timedelta(minutes=30 * i) for i in range(n)], pa.timestamp("us", "UTC")
            ),
            "text": texts,
            "true_parts": pa.array(
                [[part] if yes else None for part, yes in zip(parts.tolist(), known, strict=True)],
                pa.list_(pa.string()),
            ),
            "true_price": pa.array(
                [float(p) + 0.5 if yes else None for p, yes in zip(prices, known, strict=True)],
                pa.float64(),
            ),
        }
    )


def spec_with(dictionary: dict[str, list[str]], **gate) -> ExtractionSpec:
    return ExtractionSpec.model_validate(
        {
            "name": "note_parts",
            "task": "extraction",
            "table": "notes",
            "entity_key": "note_id",
            "event_time": "noted_at",
            "extraction": {
                "columns": ("text",),
                "fields": {
                    "part": {"dictionary": dictionary},
                    "price": {"pattern": r"(?P<currency>\$)(?P<value>[\d.]+)", "type": "number"},
                },
                "labels": {"part": "true_parts", "price": "true_price"},
            },
            "scoring": {"rescore": "on_promotion"},
            "monitors": {"min_rows": 100, "max_drop": 0.1},
            "gate": gate,
        }
    )


@pytest.fixture
def notes(lake, mlflow_url, storage):
    """A lake with a month of notes, 100 of them labelled, and what the steps need."""

    def append(table: pa.Table) -> None:
        with lake.write("notes") as write:
            write.connection.register("fresh", table)
            write.connection.execute(
                "create table if not exists lake.marts.notes as from fresh limit 0"
            )
            write.connection.execute("insert into lake.marts.notes from fresh")
            write.connection.unregister("fresh")

    append(rows(400, seed=1, month=1, labelled=100))
    registry = Registry(mlflow_url, storage.artifacts, lake.config)

    def run(spec: ExtractionSpec, *, run_id: str, now=NOW):
        version = current_version(
            lake, spec, registry=registry, now=now,
            provenance=Provenance(run_id, "manifest-1", "features-1", "commit-1"),
        )  # fmt: skip
        judged = judge_version(lake, spec, version, registry=registry, now=now, run_id=run_id)
        champion = champion_version(lake, spec.name)
        result = champion and extract_waiting(
            lake, spec, champion, rescore=True, engine=LocalEngine(), run_id=run_id, now=now
        )
        drift = occurrence_step(lake, spec, run_id=run_id, now=now)
        realised = realised_step(lake, spec, run_id=run_id, now=now)
        return SimpleNamespace(
            version=version, judged=judged, champion=champion, result=result, drift=drift,
            realised=realised,
        )  # fmt: skip

    return SimpleNamespace(
        lake=lake, append=append, run=run, registry=registry, artifacts=storage.artifacts
    )


@on_folder_and_s3
def test_every_value_is_found_once_and_stands_where_it_says(notes, storage):
    spec = spec_with(DICTIONARY)
    first = notes.run(spec, run_id="run-1")
    assert first.judged.verdict.promoted
    assert (first.champion.version, first.result.rows, first.result.mentions) == (1, 400, 800)
    wrong = notes.lake.rows(
        "select count(*) from (select entity_key, unnest(mentions, recursive := true)"
        " from lake.ml.extractions_note_parts) as mention"
        " join lake.marts.notes on note_id = entity_key"
        " where substr(text, span_start + 1, span_end - span_start) is distinct from surface"
    )
    assert wrong == [(0,)]
    found = notes.lake.rows(
        "select found['part'], found['price'], mentions[2].parts['currency'], spec_hash,"
        " features_version, run_id from lake.ml.extractions_note_parts where entity_key = '1-0'"
    )[0]
    assert found[0][0] in _PARTS
    assert found[1][0].endswith(".5")
    assert found[2:] == ("$", first.version.spec_hash, "features-1", "run-1")
    bundle = json.loads(
        storage.read(f"artifacts/mlflow/note_parts/{_run(first)}/artifacts/model/{MANIFEST}")
    )
    assert bundle["fields"][0]["dictionary"]["neck"] == ["neck", "mástil"]


def _run(done) -> str:
    return done.version.mlflow_run_id


def test_a_run_without_news_does_nothing_and_new_rows_are_read_alone(notes):
    spec = spec_with(DICTIONARY)
    first = notes.run(spec, run_id="run-1")
    state = extractor_state(notes.lake, spec, "features-1")
    assert (state.reason_to_run, count_waiting(notes.lake, spec, 1, rescore=True)) == (None, 0)
    again = notes.run(spec, run_id="run-2")
    assert (again.version, again.judged.verdict, again.result.rows) == (first.version, None, 0)
    notes.append(rows(50, seed=2, month=2))
    assert notes.run(spec, run_id="run-3").result.rows == 50
    counts = notes.lake.rows(
        "select count(*), count(distinct entity_key) from lake.ml.extractions_note_parts"
    )
    assert counts == [(450, 450)]


def test_a_better_declaration_serves_and_a_worse_one_does_not(notes):
    english = {part: [part] for part in _PARTS}
    first = notes.run(spec_with(english), run_id="run-1")
    recall = first.judged.qualities["challenger"]["part"]["recall"]
    assert recall.low < 0.5 < recall.high
    better = notes.run(spec_with(DICTIONARY), run_id="run-2")
    assert (better.champion.version, better.result.rows) == (2, 400)
    assert better.judged.qualities["challenger"]["all"]["f1"].estimate == 1.0
    worse = notes.run(spec_with(english | {"neck": ["necklace"]}), run_id="run-3")
    assert not worse.judged.verdict.promoted
    assert "F1 of 'part' changes by -" in worse.judged.verdict.reason
    assert (worse.champion.version, worse.result.rows) == (2, 0)
    promotions = notes.lake.rows(
        "select from_version, to_version, promoted from lake.ops.promotions order by snapshot_id"
    )
    assert promotions == [(None, 1, True), (1, 2, True), (2, 3, False)]
    measured = notes.lake.rows(
        "select value from lake.ml.evaluations where model_version = 2 and subject = 'champion'"
        " and segment = 'field=part' and metric = 'recall'"
    )
    assert measured == [(recall.estimate,)]


def test_a_first_version_below_its_minimum_serves_nobody(notes):
    spec = spec_with({"neck": ["neck"]}, minimum={"part": {"recall": 0.9}})
    done = notes.run(spec, run_id="run-1")
    assert (done.champion, done.result) == (None, None)
    assert "recall of 'part' is 0." in done.judged.verdict.reason


def test_the_monitors_see_other_values_and_worse_quality(notes):
    spec = spec_with(DICTIONARY)
    notes.run(spec, run_id="run-1")
    notes.append(rows(400, seed=3, month=2))
    steady = notes.run(spec, run_id="run-2")
    assert (steady.drift.messages, steady.realised.messages) == ((), ())
    # Capos everywhere, and writers who call them by a word that nobody declared.
    table = rows(400, seed=4, month=3, capos=0.8, labelled=300)
    texts = [text.replace("cejilla", "transportador") for text in table["text"].to_pylist()]
    notes.append(table.set_column(2, "text", pa.array(texts)))
    moved = notes.run(spec, run_id="run-3")
    assert "part PSI" in moved.drift.messages[0]
    assert "f1 in field=part" in moved.realised.messages[0]
    shares = notes.lake.rows(
        "select rows, rows_with_value, share, low < share and share < high, top_values"
        " from lake.monitoring.extractions where field = 'part' order by window_start"
    )
    assert [row[0] for row in shares] == [400, 400, 400]
    assert shares[0][1:3] == (400, 1.0)
    assert 0.5 < shares[2][2] < 0.7
    assert shares[2][3]
    assert next(iter(json.loads(shares[2][4]))) == "capo"
    assert notes.run(spec, run_id="run-4").drift.summary["windows_measured"] == 0
    kinds = notes.lake.rows("select kind, count(*) from lake.monitoring.alarms group by kind")
    assert sorted(kinds) == [("drift", 1), ("performance", 1)]


def test_the_assets_do_all_of_it_and_the_report_tells(notes, tmp_path):
    spec = spec_with(DICTIONARY)
    runtime = Runtime(
        open_lake=lambda: notes.lake,
        open_registry=lambda: notes.registry,
        artifact_path=notes.artifacts,
        project_folder=tmp_path,
        manifest_hash="manifest-1",
        code={"notes": CodeVersion("features-1", {"model notes": "1"})},
        workers=1,
    )
    assets = extraction_assets(spec, dg.AssetKey(["marts", "notes"]))
    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize(assets, instance=instance, resources={"runtime": runtime})
    assert done.success
    checks = {check.check_name: check.passed for check in done.get_asset_check_evaluations()}
    assert checks == {"every_row_read_once": True, "no_drift": True, "no_degradation": True}
    found = extraction_report(notes.lake, spec)
    assert (found["champion"], found["rows"]) == (1, 400)
    part, price = found["fields"]
    assert (part["rows with a value"], part["mentions"], part["f1"]) == ("100.0 %", 400, "1.0000")
    assert set(part["most frequent"].split(", ")) == set(_PARTS)
    assert price["precision"] == "1.0000"
    state = extractor_state(notes.lake, spec, "features-1")
    assert state.reason_to_run is None
    assert not is_unmonitored(notes.lake, spec.name, table=extractions_table(spec.name))
    assert extractor_state(notes.lake, spec, "features-2").reason_to_run == (
        "the texts' code has changed since version 1"
    )


def test_mlflow_loads_the_champion_by_its_alias(notes, mlflow_url):
    import mlflow
    import pandas as pd

    notes.run(spec_with(DICTIONARY), run_id="run-1")
    mlflow.set_tracking_uri(mlflow_url.replace("postgresql://", "postgresql+psycopg://"))
    loaded = mlflow.pyfunc.load_model("models:/note_parts@champion")
    found = loaded.predict(pd.DataFrame({"text": ["a capo, $7, and a neck", None]}))
    assert found["part"].tolist() == [["capo", "neck"], []]
    assert found["price"].tolist() == [["7"], []]
