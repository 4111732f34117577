"""Names that SQL could trip over go the whole way: declared, landed, profiled, accounted for."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse.accounting import account
from lakehouse.config import S3Config
from lakehouse.connection import Lake
from lakehouse.landing.files import list_landed
from lakehouse.landing.ingest import ingest_files
from lakehouse.profiles import profile_source
from lakehouse.sources import load_sources

pytestmark = pytest.mark.integration

_COLUMNS = [
    "select", 'a"b', "x; drop table lake.raw.select; --", "it's", "a b", "ключ", "$files", "a.b",
    "{curly}", "per%cent", "back\\slash", "_load_id_", "chunk", "key's \"both\"", "a=b", "*", "/",
]  # fmt: skip
_FILES = [
    "plain.jsonl", "it's.jsonl", 'quo"te.jsonl', "x; drop table.jsonl", "año 😀.jsonl",
    "100%.jsonl", "$1.jsonl", "{a}.jsonl", "year=2026/a.jsonl", "[a].jsonl",
    "back\\slash.jsonl", "*.jsonl",
]  # fmt: skip


def _value(column: str) -> str:
    return f"{column} 'of' \"{column}\"; --"


@pytest.fixture
def declared(tmp_path: Path) -> Path:
    """A dbt project whose source is named after a keyword."""
    columns = [{"name": column, "config": {"meta": {"formats": ".*'.*"}}} for column in _COLUMNS]
    tables = [{"name": "select", "columns": columns}]
    folder = tmp_path / "dbt" / "models" / "staging"
    folder.mkdir(parents=True)
    document = {"sources": [{"name": "raw", "tables": tables}]}
    # JSON is YAML.
    (folder / "_sources.yml").write_text(json.dumps(document))
    return tmp_path / "dbt"


def test_hostile_names_go_the_whole_way(lake: Lake, declared: Path, tmp_path: Path) -> None:
    source = load_sources(declared)["select"]
    assert list(source.columns) == _COLUMNS
    landing = tmp_path / "landing"
    row = {column: _value(column) for column in _COLUMNS} | {"new'\"; --": "n"}
    for name in _FILES:
        file = landing / "select" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{json.dumps(row)}\nbroken 'line'; --\n")
    for name in ("*.parquet", "[a].parquet", "a.parquet", "day=1/a.parquet"):
        file = landing / "select" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({column: [value] for column, value in row.items()}), file)
    header = ",".join('"' + name.replace('"', '""') + '"' for name in row)
    fields = ",".join('"' + value.replace('"', '""') + '"' for value in row.values())
    (landing / "select" / "x.csv").write_text(f"{header}\n{fields}\none\n")

    listed = list_landed(str(landing), "select", S3Config())
    files, lines = len(_FILES) + 5, 2 * (len(_FILES) + 1) + 4
    assert len(listed) == files
    results = ingest_files(lake, source, listed, landing=str(landing))
    assert {result.status for result in results} == {"loaded"}, results
    assert [column for result in results for column in result.new_columns] == ["new'\"; --"]
    assert sum(result.lines for result in results) == lines

    raw = lake.table('from lake.raw."select"').to_pylist()
    assert len(raw) == files
    assert all(found | row == found for found in raw)
    keys = {str(file.key) for file in listed}
    assert {found["_file"] for found in raw} == keys
    rejected = lake.rows("select distinct _file from lake.raw.rejected_lines")
    assert {key for (key,) in rejected} == {key for key in keys if not key.endswith(".parquet")}

    profiles = profile_source(lake, source)
    assert [profile.column_name for profile in profiles] == list(row)
    assert {profile.rows for profile in profiles} == {files}
    assert {profile.format_mismatches for profile in profiles} == {0, None}

    with lake.write("outcomes") as write:
        write.connection.execute(
            "create table lake.intermediate.int_select_outcomes as"
            " select _load_id, 'clean' as outcome from lake.raw.\"select\""
        )
    accounting = account(lake, source)
    assert accounting.balanced, accounting.explanation
    assert (accounting.lines, accounting.raw, accounting.clean) == (lines, files, files)

    # A new version replaces the rows of the one before, whatever its name.
    for name in _FILES:
        (landing / "select" / name).write_text("{}\n")
    listed = list_landed(str(landing), "select", S3Config())
    ingest_files(lake, source, listed, landing=str(landing))
    assert lake.rows('select count(*), count("select") from lake.raw."select"') == [(files, 5)]
