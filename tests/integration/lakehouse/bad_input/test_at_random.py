"""Random files, compared with what Python's json and csv modules and pyarrow read in them."""

import csv
import io
import itertools
import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse.config import S3Config
from lakehouse.connection import Lake
from lakehouse.landing.commit import IngestResult
from lakehouse.landing.files import list_landed
from lakehouse.landing.ingest import ingest_files
from lakehouse.sources import Source

pytestmark = pytest.mark.integration

SOURCE = Source(name="a", columns=("id", "text"))
FEW = settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
Ingest = Callable[[dict[str, bytes]], dict[str, IngestResult]]
Row = dict[str, Any]


@pytest.fixture(scope="module")
def ingest(shared_lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Ingest:
    """Takes in files by name; checks that the ledger and the tables tell the same of each."""
    folder = tmp_path_factory.mktemp("landing")
    numbers = itertools.count()

    def ingested(files: dict[str, bytes]) -> dict[str, IngestResult]:
        landing = folder / str(next(numbers))
        (landing / "a").mkdir(parents=True)
        for name, content in files.items():
            (landing / "a" / name).write_bytes(content)
        listed = list_landed(str(landing), "a", S3Config())
        results = ingest_files(shared_lake, SOURCE, listed, landing=str(landing))
        assert [result.file for result in results] == listed
        loads = [result.load_id for result in results]
        counted = shared_lake.rows(
            "select load_id, (select count(*) from lake.raw.a where _load_id = load_id),"
            " (select count(*) from lake.raw.rejected_lines where _load_id = load_id)"
            " from (select unnest($loads) as load_id)",
            {"loads": loads},
        )
        assert sorted(counted) == [(r.load_id, r.loaded, r.rejected) for r in results]
        for result in results:
            assert result.status in ("loaded", "rejected")
            assert result.lines == result.loaded + result.rejected
            assert (result.status == "rejected") == bool(result.reason)
        return {result.file.key[2:]: result for result in results}

    return ingested


def _rows(lake: Lake, result: IngestResult) -> list[tuple[Any, ...]]:
    """Line, id and text of the file's rows."""
    return lake.rows(
        "select _line, id, text from lake.raw.a where _load_id = $load order by _line",
        {"load": result.load_id},
    )


_NAMES = st.sampled_from(["x", "x.csv", "x.jsonl", "x.json", "x.gz", "x.parquet", "x.csv.zst"])
_STARTS = st.sampled_from(
    [b"", b"{", b"[{", b"id,text\n", b"\x1f\x8b", b"PAR1", b"\xff\xfe", b"{}\n"]
)


@given(st.lists(st.tuples(_NAMES, _STARTS, st.binary(max_size=200)), min_size=10, max_size=25))
@FEW
def test_random_bytes_are_accounted_for(
    ingest: Ingest, files: list[tuple[str, bytes, bytes]]
) -> None:
    ingest({f"{n}_{name}": start + rest for n, (name, start, rest) in enumerate(files)})


# --- JSON lines with random damage

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_OBJECTS = st.fixed_dictionaries(
    {"id": st.one_of(st.none(), st.booleans(), st.integers(), _TEXTS, st.lists(st.integers()))},
    optional={"text": st.one_of(_TEXTS, st.dictionaries(st.sampled_from("ab"), _TEXTS))},
)
_DAMAGE = st.tuples(
    st.integers(0, 40), st.integers(0, 3), st.sampled_from([*'{}[]",:\\e1.-u \r', "\x01", "id", ""])
)


def _damaged(line: str, damage: tuple[int, int, str]) -> str:
    place, cut, inserted = damage
    return line[:place] + inserted + line[place + cut :]


def _expected(line: str) -> Row | None:
    """What a line holds as Python's json module reads it; None if it cannot be a row."""

    def unique(pairs: list[tuple[str, Any]]) -> Row:
        return {f"{key.strip() or 'unnamed'}": value for key, value in pairs}

    try:
        found = json.loads(line)
        names = json.loads(line, object_pairs_hook=lambda pairs: [key for key, _ in pairs])
    except ValueError:
        return None
    # A lone half of a surrogate pair is no character of any text.
    if not isinstance(found, dict) or not _is_unicode(found):
        return None
    columns = [key.replace("\0", "").strip().lower() or "unnamed" for key in names]
    return unique(list(found.items())) if len(set(columns)) == len(columns) else None


def _is_unicode(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


@given(
    st.lists(
        st.lists(st.tuples(_OBJECTS, st.none() | _DAMAGE, st.booleans()), max_size=12),
        min_size=8,
        max_size=16,
    )
)
@FEW
def test_damaged_json_lines_are_judged_as_python_judges_them(
    ingest: Ingest,
    shared_lake: Lake,
    files: list[list[tuple[Row, tuple[int, int, str] | None, bool]]],
) -> None:
    sound = ['{"id": "é"}'] * 12
    texts = {}
    for number, lines in enumerate(files):
        found = [json.dumps(value, ensure_ascii=escaped) for value, _, escaped in lines]
        damaged = [
            line if damage is None else _damaged(line, damage)
            for line, (_, damage, _) in zip(found, lines, strict=True)
        ]
        # So many sound lines leave no doubt about format and encoding.
        texts[f"{number}.jsonl"] = sound + damaged
    results = ingest({name: "\n".join(lines).encode() for name, lines in texts.items()})
    for name, lines in texts.items():
        expected = [
            (n, row) for n, line in enumerate(lines, 1) if (row := _expected(line)) is not None
        ]
        rows = _rows(shared_lake, results[name])
        assert [line for line, *_ in rows] == [line for line, _ in expected], lines
        count = len(lines) - (not lines[-1])
        assert results[name].lines == count
        for (_, found_id, _), (_, row) in zip(rows, expected, strict=True):
            if isinstance(row.get("id"), str):
                assert found_id == row["id"]


# --- CSV

_FIELDS = st.text(st.sampled_from("ab1 ,;\t|\"'\n\r\\é😀"), max_size=6)


@given(
    st.lists(
        st.tuples(
            st.lists(st.tuples(_FIELDS, _FIELDS), max_size=10),
            st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
            st.sampled_from(["\n", "\r\n"]),
        ),
        min_size=8,
        max_size=16,
    )
)
@FEW
def test_csv_gives_what_python_reads(
    ingest: Ingest, shared_lake: Lake, files: list[tuple[list[tuple[str, str]], int, str]]
) -> None:
    contents = {}
    for number, (records, quoting, line_end) in enumerate(files):
        text = io.StringIO(newline="")
        writer = csv.writer(text, quoting=quoting, lineterminator=line_end)  # type: ignore[arg-type]
        writer.writerows([("id", "text"), ("é", "é"), *records])
        contents[f"{number}.csv"] = text.getvalue()
    results = ingest({name: text.encode() for name, text in contents.items()})
    for name, text in contents.items():
        read = list(csv.reader(io.StringIO(text, newline="")))[1:]
        assert results[name].rejected == 0
        rows = [
            (first or "", second or "") for _, first, second in _rows(shared_lake, results[name])
        ]
        assert rows == [tuple(record) for record in read]


@given(st.lists(st.lists(_FIELDS, max_size=30).map("".join), min_size=8, max_size=16))
@FEW
def test_broken_csv_is_accounted_for(ingest: Ingest, texts: list[str]) -> None:
    ingest({f"{n}.csv": f"id,text\n1,é\n{text}".encode() for n, text in enumerate(texts)})


# --- Parquet

_VALUES: dict[str, tuple[pa.DataType, st.SearchStrategy[Any], Callable[[Any], str]]] = {
    "integer": (pa.int64(), st.integers(-(2**63), 2**63 - 1), str),
    "text": (pa.string(), _TEXTS, str),
    "flag": (pa.bool_(), st.booleans(), lambda value: str(value).lower()),
    "date": (pa.date32(), st.dates(), str),
    "decimal": (
        pa.decimal128(38, 4),
        st.decimals(-(10**30), 10**30, places=4, allow_nan=False),
        lambda value: f"{value:.4f}",
    ),
}


@st.composite
def _tables(draw: Any) -> tuple[str, list[Any], pa.Table]:
    kind = draw(st.sampled_from(sorted(_VALUES)))
    data_type, values, _ = _VALUES[kind]
    column = draw(st.lists(st.none() | values, max_size=20))
    return kind, column, pa.table({"id": pa.array(column, data_type)})


@given(
    st.lists(
        st.tuples(_tables(), st.sampled_from(["none", "snappy", "zstd"])), min_size=6, max_size=12
    )
)
@FEW
def test_parquet_gives_what_pyarrow_wrote(
    ingest: Ingest, shared_lake: Lake, files: list[tuple[tuple[str, list[Any], pa.Table], str]]
) -> None:
    contents = {}
    for number, ((_, _, table), compression) in enumerate(files):
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression=compression, row_group_size=7)
        contents[f"{number}.parquet"] = bytes(sink.getvalue())
    results = ingest(contents)
    for (name, result), ((kind, column, _), _) in zip(
        sorted(results.items(), key=lambda item: int(item[0].split(".")[0])), files, strict=True
    ):
        shown = _VALUES[kind][2]
        expected = [(n, None if v is None else shown(v), None) for n, v in enumerate(column, 1)]
        assert _rows(shared_lake, result) == expected, name
