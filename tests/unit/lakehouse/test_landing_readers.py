import functools
import gzip
import itertools
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lakehouse.landing import csv_records, json_document, json_lines, json_rows, staging
from lakehouse.landing.compression import UnreadableFileError
from lakehouse.landing.detection import Detection, detect
from lakehouse.landing.exact_numbers import with_marked_numbers
from lakehouse.landing.json_document import BrokenDocumentError, json_values
from lakehouse.landing.readers import stage_file
from lakehouse.landing.staging import RejectedLine, StagedFile, Staging
from lakehouse.landing.whole_lines import whole_lines
from lakehouse.sources import Source


@dataclass(frozen=True)
class Read:
    """What reading a file gave, fetched from the staged files."""

    staged: StagedFile
    rows: list[dict[str, Any]]
    rejected: list[tuple[int, str, str]]

    def values(self, column: str) -> list[Any]:
        return [row.get(column) for row in self.rows]

    @property
    def lines(self) -> list[int]:
        return [row["_line"] for row in self.rows]


def _read(
    content: bytes,
    name: str = "x.jsonl",
    columns: tuple[str, ...] = ("a", "b"),
    detection: Detection | None = None,
) -> Read:
    engine = _engine()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "landed"
        path.write_bytes(content)
        staged = stage_file(
            path,
            detection or detect(path, name),
            source=Source(name="s", columns=columns),
            key="s/the 'key'",
            folder=Path(folder),
            engine=engine,
        )
        rows = _fetch(engine, staged.rows)
        rejected = _fetch(engine, staged.rejected)
    assert staged.loaded == len(rows)
    assert staged.rejected_lines == len(rejected)
    assert all(row.pop("_file") == "s/the 'key'" for row in rows + rejected)
    return Read(staged, rows, [(row["_line"], row["text"], row["reason"]) for row in rejected])


@functools.cache
def _engine() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": "2"}).execute("set TimeZone = 'UTC'")


def _fetch(engine: duckdb.DuckDBPyConnection, files: tuple[Path, ...]) -> list[dict[str, Any]]:
    if not files:
        return []
    names = [str(file) for file in files]
    query = "from read_parquet($1, union_by_name = true) order by _line"
    rows: list[dict[str, Any]] = engine.execute(query, [names]).to_arrow_table().to_pylist()
    return rows


def _zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "zstd": _zstd,
}
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252"]
TEXTS = {
    "jsonl": ('{"a": "café", "b": 1.10}\n\n{"a": "x\\ny", "b": null}\n{"a": "cut', [1, 3], 2),
    "json": ('[{"a": "café", "b": 1.10},\n 7,\n {"a": "x\\ny", "b": null},\n {"a', [1, 3], 2),
    "csv": ('a,b\ncafé,1.10\nonly one\n"x\ny",\n"open', [2, 4], 2),
    "csv ;": ('a;b\ncafé;1.10\nonly one\n"x\ny";\n1;2;3', [2, 4], 2),
    "tsv": ('a\tb\ncafé\t1.10\nonly one\n"x\ny"\t\n1\t2\t3', [2, 4], 2),
}


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_every_format_compression_and_encoding_gives_the_same(
    kind: str, encoding: str, compression: str, line_end: str
) -> None:
    text, lines, rejected = TEXTS[kind]
    content = COMPRESSIONS[compression](text.replace("\n", line_end).encode(encoding))
    read = _read(content, "no ending")
    assert read.values("a") == ["café", f"x{line_end if 'v' in kind else chr(10)}y"]
    assert read.values("b") == ["1.10", None]
    assert read.lines == lines
    assert read.staged.rejected_lines == rejected
    assert read.staged.lines == 4
    assert read.staged.columns == ("a", "b")


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_parquet_gives_the_same_plain_and_compressed(compression: str) -> None:
    table = pa.table({"a": ["café", None], "b": [[{"x": 1}], None]})
    read = _read(COMPRESSIONS[compression](_parquet(table)))
    assert read.rows == [
        {"a": "café", "b": '[{"x":1}]', "_line": 1},
        {"a": None, "b": None, "_line": 2},
    ]


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0)])
def test_an_empty_file_has_no_lines(content: bytes) -> None:
    assert _read(content).staged.lines == 0


# --- JSON lines


def test_every_line_that_is_no_object_is_rejected_with_its_number() -> None:
    lines = [
        b'{"a": 1}',
        b"",
        b"not json",
        b" \t\r",
        b"[1]",
        b'"text"',
        b"null",
        b'{"a": 1} {"a": 2}',
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
        b'{"a": "raw\x01control"}',
        b'{"a": 1.50',
        b'\t{"a": 2} \r',
        b"{}",
        b"x" * 5000,
    ]
    read = _read(b"\n".join(lines), detection=Detection("jsonl"))
    assert list(zip(read.lines, read.values("a"), strict=True)) == [(1, "1"), (13, "2"), (14, None)]
    assert read.rejected == [
        (2, "", "blank line"),
        (3, "not json", "not valid JSON"),
        (4, "", "blank line"),
        (5, "[1]", "not a JSON object"),
        (6, '"text"', "not a JSON object"),
        (7, "null", "not a JSON object"),
        (8, '{"a": 1} {"a": 2}', "not valid JSON"),
        (9, '{"a": "\N{REPLACEMENT CHARACTER}"}', "not valid utf-8"),
        (10, '{"a": "\\ud800"}', "not valid JSON"),
        (11, '{"a": "raw\x01control"}', "not valid JSON"),
        (12, '{"a": 1.50', "not valid JSON"),
        (15, "x" * 1000, "not valid JSON"),
    ]


@pytest.mark.parametrize("neighbour", ["1", "1.10"])
def test_values_keep_their_text(neighbour: str) -> None:
    values = {
        "12345678901234567890": "12345678901234567890",
        "123456789012345678901234567890": "123456789012345678901234567890",
        "1.10": "1.10",
        "5.0": "5.0",
        "-0": "-0",
        "-0.0": "-0.0",
        "1E5": "1E5",
        "1.5e-7": "1.5e-7",
        "0.00001": "0.00001",
        "0.12345678901234567890": "0.12345678901234567890",
        "123456789012345.678": "123456789012345.678",
        "1234567.1234567": "1234567.1234567",
        "12345678.123456789": "12345678.123456789",
        "0.0001": "0.0001",
        "100000000000000000000.0": "100000000000000000000.0",
        "true": "true",
        "null": None,
        '"null"': "null",
        '""': "",
        '"1.10"': "1.10",
        '"a \\"b\\" \\u00e9\\n\\u0000 price: 1.50, "': 'a "b" é\n\x00 price: 1.50, ',
        "[]": "[]",
        '[1.10, {"x" : 2.50, "y": "1.10"}]': '[1.10,{"x":2.50,"y":"1.10"}]',
        '{"x": {"y": [null, true]}}': '{"x":{"y":[null,true]}}',
    }
    content = "\n".join(f'{{"b": {neighbour}, "a": {value}}}' for value in values)
    assert _read(content.encode()).values("a") == list(values.values())


_NUMBERS = st.one_of(
    st.integers().map(str),
    st.from_regex(r"-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
)


@given(st.lists(_NUMBERS, min_size=1, max_size=20), st.sampled_from(["", " "]))
@settings(max_examples=60, deadline=None)
def test_any_number_keeps_its_text_alone_and_nested(numbers: list[str], space: str) -> None:
    lines = [f'{{"a":{space}{number}{space},"b":[{number},"x"]}}' for number in numbers]
    read = _read("\n".join(lines).encode())
    assert read.values("a") == numbers
    assert read.values("b") == [f'[{number},"x"]' for number in numbers]


@given(st.lists(st.text(st.sampled_from('{}[]",:-+.015eE \\\\aN\n'), max_size=14), min_size=50))
@example(['"\\0', '"\\', "1 : 2", '"x" 1', "01", "1.5.5"])
@settings(max_examples=60, deadline=None)
def test_marked_numbers_make_nothing_valid_or_invalid(inner: list[str]) -> None:
    texts = [f'{{"a": {text}}}' for text in inner] + [f"{{{text}}}" for text in inner]
    differing = _engine().execute(
        "select text from (select unnest($1) as text, unnest($2) as marked)"
        " where json_valid(text) <> json_valid(marked)",
        [texts, [with_marked_numbers(text) for text in texts]],
    )
    assert differing.fetchall() == []


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["a", "b", 'c"\\', "d/~"]), _JSON))
@settings(max_examples=60, deadline=None)
def test_any_object_gives_back_its_values(value: dict[str, Any]) -> None:
    # Lone surrogates are valid in Python's JSON, but no text.
    line = json.dumps(value)
    read = _read(line.encode())
    if read.rejected:
        assert "\\ud" in line
        return
    for key, expected in value.items():
        found = read.rows[0].get(key)
        if isinstance(expected, str):
            assert found == expected
        elif expected is None:
            assert found is None
        else:
            assert json.loads(str(found)) == expected


@given(st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), max_size=12))
@settings(max_examples=60, deadline=None)
def test_any_lines_are_each_a_row_or_rejected(lines: list[bytes]) -> None:
    content = b"\n".join(lines)
    read = _read(content, detection=Detection("jsonl"))
    count = content.count(b"\n") + (not content.endswith(b"\n") and content != b"")
    assert sorted(read.lines + [line for line, *_ in read.rejected]) == list(range(1, count + 1))


_PIECES = st.sampled_from(
    ['{"a": 1}', '{"a": 1.50}', '{"A": 1, "a": 2}', "{", '"', " ", "\\", "1.10", "\r", "é", "[1]"]
)


@given(st.lists(st.lists(_PIECES, max_size=4).map("".join), max_size=8), st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_lines_are_the_same_in_blocks_and_chunks_of_any_size(lines: list[str], size: int) -> None:
    content = "\n".join(lines).encode()
    whole = _read(content, detection=Detection("jsonl"))
    engine = _engine()
    with tempfile.TemporaryDirectory() as folder:
        stage = Staging(engine=engine, folder=Path(folder), key="k")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(json_lines, "_CHUNK", size)
            blocks = [content[start : start + size] for start in range(0, len(content), size)]
            json_lines.stage_json_lines(stage, blocks, columns=("a", "b"), encoding="utf-8")
        staged = stage.finished()
        assert [row["_line"] for row in _fetch(engine, staged.rows)] == whole.lines
        assert [row.get("a") for row in _fetch(engine, staged.rows)] == whole.values("a")
        rejected = [(row["_line"], row["reason"]) for row in _fetch(engine, staged.rejected)]
        assert rejected == [(line, reason) for line, _, reason in whole.rejected]


def test_unknown_keys_become_columns_and_keys_are_matched_whatever_their_case() -> None:
    lines = [
        '{"a": 1, "extra": {"x": 1}}',
        '{"A": 2, "_line": 9, "": "empty"}',
        '{"a": 1, "A": 2}',
        '{"a": 1, "a": 2}',
        '{"Extra": 3}',
    ]
    read = _read("\n".join(lines).encode())
    assert read.staged.columns == ("a", "extra", "source_line", "unnamed")
    assert read.values("a") == ["1", "2", None]
    assert read.values("extra") == ['{"x":1}', None, "3"]
    assert read.rows[1]["source_line"] == "9"
    assert read.rows[1]["unnamed"] == "empty"
    assert [(line, reason) for line, _, reason in read.rejected] == [
        (3, "two keys mean the same column"),
        (4, "two keys mean the same column"),
    ]


def test_keys_that_are_values_do_not_become_thousands_of_columns() -> None:
    line = json.dumps({f"id{number}": number for number in range(1001)})
    with pytest.raises(UnreadableFileError, match="more than 1000 columns"):
        _read(line.encode())


def test_a_line_over_the_limit_is_rejected_alone() -> None:
    pieces = list(whole_lines([b"a\nbb", b"bbbb", b"bb", b"bb\nc\n", b"d"], limit=5))
    assert [(piece.data, piece.overlong) for piece in pieces] == [
        (b"a\n", False),
        (b"bbbbbb", True),
        (b"c\n", False),
        (b"d", False),
    ]


def test_lines_behind_one_over_the_limit_keep_their_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(json_lines, "whole_lines", lambda blocks: whole_lines(blocks, limit=20))
    blocks = [b'{"a": 1}\n{"a": "', b"x" * 30, b'"}\n{"a": 3}\n']
    engine = _engine()
    with tempfile.TemporaryDirectory() as folder:
        stage = Staging(engine=engine, folder=Path(folder), key="k")
        json_lines.stage_json_lines(stage, blocks, columns=("a",), encoding="utf-8")
        assert [row["_line"] for row in _fetch(engine, stage.finished().rows)] == [1, 3]
        rejected = _fetch(engine, stage.finished().rejected)
        assert [(row["_line"], row["reason"]) for row in rejected] == [(2, "longer than 16 MiB")]


# --- JSON documents


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("[]", []),
        ('[{"a": 1}, {"a": 2},]', ['{"a": 1}', '{"a": 2}']),
        ('{"a": 1}\n[2, [3]] 4', ['{"a": 1}', "2", "[3]", "4"]),
        (' [ "a]," , 1.10 ] ', ['"a],"', "1.10"]),
        ("", []),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_records_of_a_document(text: str, values: list[str], size: int) -> None:
    content = text.encode()
    blocks = [content[start : start + size] for start in range(0, len(content), size)]
    assert list(json_values(blocks)) == values


@pytest.mark.parametrize(
    ("text", "sound"),
    [
        ('[{"a": 1}, {"a"', 1),
        ('[{"a": 1} {"a": 2}]', 1),
        ('[{"a": 1}', 1),
        ('[{"a": 1}, x, {"a": 2}]', 1),
        ("x", 0),
        ("[" * 100_000, 0),
    ],
)
def test_a_document_is_read_up_to_its_broken_place(text: str, sound: int) -> None:
    values = json_values([text.encode()])
    assert len(list(itertools.islice(values, sound))) == sound
    with pytest.raises(BrokenDocumentError):
        next(values)


def test_a_record_over_the_limit_breaks_the_document() -> None:
    with pytest.raises(BrokenDocumentError, match="longer"):
        list(json_values([b'["', b"x" * 50, b"x" * 50], limit=20))


def test_a_document_of_many_chunks_is_numbered_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_document, "_CHUNK", 10)
    records = [{"a": str(number)} for number in range(20)]
    read = _read(json.dumps(records, indent=1).encode(), "x.json")
    assert read.values("a") == [str(number) for number in range(20)]
    assert read.lines == list(range(1, 21))


def test_bytes_that_are_no_utf8_reject_their_record_only() -> None:
    read = _read(b'[{"a": "\xc3\xb1"}, {"a": "\xff"}, {"a": "x"}]', "x.json")
    assert read.values("a") == ["ñ", "x"]
    assert [(line, reason) for line, _, reason in read.rejected] == [(2, "not valid utf-8")]


# --- CSV


def test_records_know_the_physical_line_they_start_on() -> None:
    text = 'a,b\n1,2\n"x\n\ny",3\n\n4,"""quoted"""\n5,6,7\n  \n,\n'
    read = _read(text.encode(), "x.csv")
    assert list(zip(read.lines, read.values("a"), read.values("b"), strict=True)) == [
        (2, "1", "2"),
        (3, "x\n\ny", "3"),
        (7, "4", '"quoted"'),
        (10, None, None),
    ]
    assert read.rejected == [
        (6, "", "blank line"),
        (8, "5,6,7", "2 fields expected, 3 found"),
        (9, "  ", "2 fields expected, 1 found"),
    ]


def test_a_stray_quote_costs_its_line_only() -> None:
    text = 'a,b\n1,"open\n2,x\n3,"y"\n4,5" pipe\n6,"z" z\n7,8\n'
    read = _read(text.encode(), "x.csv")
    assert read.values("a") == ["2", "3", "4", "7"]
    assert read.values("b") == ["x", "y", '5" pipe', "8"]
    assert read.lines == [3, 4, 5, 7]
    assert [(line, text) for line, text, _ in read.rejected] == [(2, '1,"open'), (6, '6,"z" z')]


def test_a_quote_open_to_the_end_costs_its_line_only() -> None:
    read = _read(b'a,b\n1,"open\n2,x\n3,y', "x.csv")
    assert read.lines == [3, 4]
    assert [line for line, *_ in read.rejected] == [2]


def test_headers_are_matched_renamed_and_told_apart() -> None:
    read = _read(b"A,_file,Note,note,\n1,2,3,4,5\n", "x.csv")
    assert read.rows == [
        {"a": "1", "source_file": "2", "Note": "3", "note_2": "4", "unnamed": "5", "_line": 2}
    ]


def test_a_header_without_a_declared_column_refuses_the_file() -> None:
    with pytest.raises(UnreadableFileError, match="names no declared column: '1, 2'"):
        _read(b"1,2\n3,4\n", "x.csv")


def test_a_header_that_is_not_csv_refuses_the_file() -> None:
    with pytest.raises(UnreadableFileError, match="header in line 1"):
        _read(b'a,"b" b\n1,2\n', "x.csv")


def test_a_header_alone_is_a_file_of_no_lines() -> None:
    assert _read(b"a,b\n", "x.csv").staged.lines == 0
    blank = _read(b"\n\na,b\n1,2\n", "x.csv")
    assert (blank.lines, [line for line, *_ in blank.rejected]) == ([4], [1, 2])


def test_bytes_that_are_no_utf8_reject_their_csv_record_only() -> None:
    read = _read("a,b\nñ,1\n".encode() + b"\xff,2\nx,3\n", "x.csv")
    assert read.values("a") == ["ñ", "x"]
    assert read.rejected == [(3, "?,2", "not valid utf-8")]


def test_lines_ended_by_carriage_returns_alone_are_read() -> None:
    assert _read(b"a,b\r1,2\r3,4\r", "x.csv").values("a") == ["1", "3"]


def test_a_carriage_return_inside_a_line_rejects_it() -> None:
    read = _read(b"a,b\n1,2\r3,4\n5,6\n", "x.csv")
    assert read.values("a") == ["5"]
    assert read.lines == [3]
    assert read.staged.rejected_lines == 1


def test_fields_may_be_long_but_not_endless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_records, "RECORD_LIMIT", 200_000)
    text = f'a,b\n{"x" * 150_000},1\n{"y" * 250_000},2\n3,"open\n' + "4,5\n" * 60_000
    read = _read(text.encode(), "x.csv")
    assert len(read.rows[0]["a"]) == 150_000
    assert [line for line, *_ in read.rejected] == [3, 4]
    assert read.staged.loaded == 60_001


_FIELDS = st.text(st.sampled_from('a,;"\n\r é'), max_size=5)


@given(st.lists(st.text(st.sampled_from('ab,"\n\r é'), max_size=12), max_size=8), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_any_csv_text_is_covered_line_by_line(pieces: list[str], size: int) -> None:
    content = ("a,b\n" + "\n".join(pieces)).encode()
    blocks = [content[start : start + size] for start in range(0, len(content), size)]
    records = csv_records.Records(blocks, ",")
    covered = 0
    for fields, line in records:
        assert line == covered + 1
        covered += 1 if isinstance(fields, RejectedLine) else len(records._current)
    assert covered == content.count(b"\n") + (not content.endswith(b"\n"))


@given(st.lists(st.tuples(_FIELDS, _FIELDS), max_size=8))
@settings(max_examples=60, deadline=None)
def test_well_formed_csv_gives_back_its_fields(records: list[tuple[str, str]]) -> None:
    quoted = [",".join('"' + field.replace('"', '""') + '"' for field in row) for row in records]
    read = _read("\n".join(["a,b", *quoted]).encode(), "x.csv")
    expected = [(first or None, second or None) for first, second in records]
    assert list(zip(read.values("a"), read.values("b"), strict=True)) == expected
    assert not read.rejected


# --- Parquet


def test_parquet_values_become_text() -> None:
    table = pa.table(
        {
            "A": pa.array([1.5, float("nan")]),
            "b": pa.array([Decimal("1.10"), None]),
            "at": pa.array([datetime(2024, 1, 2, 3, tzinfo=UTC), None]),
            "map": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int8())),
            "_line": pa.array([7, 8]),
        }
    )
    read = _read(_parquet(table))
    assert read.rows == [
        {
            "a": "1.5",
            "b": "1.10",
            "at": "2024-01-02 03:00:00+00",
            "map": '{"k":1}',
            "source_line": "7",
            "_line": 1,
        },
        {"a": "nan", "b": None, "at": None, "map": None, "source_line": "8", "_line": 2},
    ]


def test_parquet_without_rows_is_a_file_of_no_lines() -> None:
    assert _read(_parquet(pa.table({"a": pa.array([], pa.string())}))).staged.lines == 0


def test_parquet_without_a_declared_column_is_refused() -> None:
    with pytest.raises(UnreadableFileError, match="none of the declared columns"):
        _read(_parquet(pa.table({"x": [1]})))


def test_damaged_parquet_is_refused() -> None:
    content = _parquet(pa.table({"a": ["x"] * 1000}))
    with pytest.raises(UnreadableFileError, match="cannot be read as parquet"):
        _read(content[:-20])


def test_a_full_disk_is_not_taken_for_a_bad_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise duckdb.IOException("Could not write file: No space left on device")

    monkeypatch.setattr(json_rows, "_add_rows", full)
    with pytest.raises(duckdb.IOException):
        _read(b'{"a": 1}\n')


def test_text_of_rejected_lines_is_always_storable() -> None:
    assert staging._storable("x\ud800" * 1000) == "x?" * 500
