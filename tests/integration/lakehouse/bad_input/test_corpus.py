"""Whatever lands ends as rows, rejected lines or a rejected file with a reason, beside the others.

Every nasty file is ingested in one call; `lines = rows + rejected lines` holds for each, by the
ledger and by the tables.
"""

import codecs
import datetime
import decimal
import gzip
import io
import re
import zipfile
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse.config import S3Config
from lakehouse.connection import Lake
from lakehouse.landing.commit import IngestResult
from lakehouse.landing.files import list_landed
from lakehouse.landing.ingest import ingest_files
from lakehouse.sources import Source

pytestmark = pytest.mark.integration

SOURCE = Source(name="a", columns=("id", "text"))
# Rows and rejected lines; or what the reason of a file's rejection says.
Outcome = tuple[int, int] | str


def _zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return bytes(sink.getvalue())


def _parquet(table: pa.Table, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **options)
    return bytes(sink.getvalue())


def _zip(content: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("x.jsonl", content)
    return sink.getvalue()


def _damaged(content: bytes, start: int, size: int) -> bytes:
    return content[:start] + b"\xff" * size + content[start + size :]


def _nested(depth: int, opening: str, inner: str, closing: str) -> bytes:
    return (opening * depth + inner + closing * depth).encode()


GOOD = b"".join(b'{"id": %d, "text": "t"}\n' % number for number in range(100))
GOOD_TEXT = GOOD.decode()
PLAIN = pa.table({"id": [1, 2], "text": ["a", "b"]})
LONG = pa.table(
    {"id": list(range(10_000)), "text": [f"{'x' * 50}{number}" for number in range(10_000)]}
)
ODD = pa.table(
    {
        "id": pa.array([decimal.Decimal("1.10"), None], pa.decimal128(38, 10)),
        "text": [[{"a": 1}], None],
        "struct": [{"x": {"y": [1, None]}}, None],
        "map": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())),
        "bytes": [b"\x00\xff", None],
        "fixed": pa.array([b"abcd", None], pa.binary(4)),
        "time": [datetime.time(1, 2, 3), None],
        "date": [datetime.date(1, 1, 1), None],
        "instant": pa.array([datetime.datetime(9999, 12, 31), None], pa.timestamp("us", "UTC")),  # noqa: DTZ001
        "nanoseconds": pa.array([1, None], pa.timestamp("ns")),
        "duration": [datetime.timedelta(1), None],
        "real": [float("nan"), float("-inf")],
        "half": pa.array([1.5, None], pa.float16()),
        "unsigned": pa.array([2**64 - 1, None], pa.uint64()),
        "words": pa.array(["x", None]).dictionary_encode(),
        "nothing": pa.nulls(2),
    }
)
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256))

# By the name that the file lands under: what it holds, and what becomes of it.
CORPUS: dict[str, tuple[bytes, Outcome]] = {
    # Next to nothing.
    "empty.jsonl": (b"", (0, 0)),
    "empty.csv": (b"", (0, 0)),
    "empty.gz": (gzip.compress(b""), (0, 0)),
    "byte.jsonl": (b"x", (0, 1)),
    "byte.json": (b"{", (0, 1)),
    "byte.csv": (b"x", "names no declared column"),
    "byte.gz": (b"\x1f", "neither text nor Parquet"),
    "nul": (b"\0", "neither text nor Parquet"),
    "newline.jsonl": (b"\n", (0, 1)),
    "header.csv": (b"id,text\n", (0, 0)),
    "header_and_blanks.csv": (b"\n\nid,text\n\n", (0, 3)),
    # NUL characters.
    "nuls.jsonl": (GOOD + b'{"id": "a\0b"}\n\0\0\n{"id": "\\u0000"}\n{"i\\u0000d": 3}\n', (101, 3)),
    "nuls.csv": (b"id,text\n" + b"1,a\n" * 100 + b'1,a\0b\n2,"\0"\n', (102, 0)),
    "all_nuls.jsonl": (b"\0" * 100_000, "neither text nor Parquet"),
    # Damaged and nested compression.
    "cut.jsonl.gz": (gzip.compress(GOOD)[:-20], "gzip stream is damaged or cut short"),
    "start.jsonl.gz": (gzip.compress(GOOD)[:12], "gzip stream is damaged or cut short"),
    "more.jsonl.gz": (gzip.compress(GOOD) + b"garbage", "gzip stream is damaged"),
    "cut.jsonl.zst": (_zstd(GOOD)[:-9], "zstd stream is damaged or cut short"),
    "cut.parquet.zst": (_zstd(_parquet(PLAIN))[:-9], "zstd stream is damaged or cut short"),
    "members.jsonl.gz": (gzip.compress(GOOD) * 2, (200, 0)),
    "twice.jsonl.gz": (gzip.compress(gzip.compress(GOOD)), "compressed twice"),
    # Another kind than the name says.
    "parquet.csv": (_parquet(PLAIN), (2, 0)),
    "gzip.jsonl": (gzip.compress(GOOD), (100, 0)),
    "png.jsonl": (PNG, "a PNG image"),
    "zip.jsonl": (_zip(GOOD), "a zip archive"),
    "html.jsonl": (b"<html><body>404</body></html>", (0, 1)),
    "xml.csv": (b'<?xml version="1.0"?><a/>', "names no declared column"),
    "array.jsonl": (b'[{"id": 1}, {"id": 2}]\n', (2, 0)),
    # Encodings.
    "utf8_mark.jsonl": (codecs.BOM_UTF8 + GOOD, (100, 0)),
    "two_marks.jsonl": (codecs.BOM_UTF8 * 2 + GOOD, (99, 1)),
    "mark_inside.jsonl": (b'{"id": 1}\n' + codecs.BOM_UTF8 + b'{"id": 2}\n', (1, 1)),
    "utf16_le.jsonl": (codecs.BOM_UTF16_LE + GOOD_TEXT.encode("utf-16-le"), (100, 0)),
    "utf16_be.csv": (codecs.BOM_UTF16_BE + "id;text\n1;é\n".encode("utf-16-be"), (1, 0)),
    "utf32_le.jsonl": (codecs.BOM_UTF32_LE + GOOD_TEXT.encode("utf-32-le"), "text in UTF-32"),
    "utf32_be.jsonl": (codecs.BOM_UTF32_BE + GOOD_TEXT.encode("utf-32-be"), "text in UTF-32"),
    "utf32.jsonl": (GOOD_TEXT.encode("utf-32-le"), "neither text nor Parquet"),
    "invalid.jsonl": ('{"id": "é"}\n'.encode() * 3 + b'{"id": "\xff"}\n{"id": "\xc3"}\n', (3, 2)),
    "invalid.csv": ("id,text\n1,é\n2,é\n3,é\n".encode() + b"4,\xff\n5,\xc3\n", (3, 2)),
    "surrogates.jsonl": (
        b'{"id": "\\ud800"}\n{"id": "\\udc00x"}\n{"id": "\\ud83d\\ude00"}\n{"\\ud800": 1}\n'
        b'{"id": "\\u12"}\n',
        (1, 4),
    ),
    "surrogate_bytes.jsonl": (
        '{"id": "ééééé"}\n'.encode() + b'{"id": "\xed\xa0\x80"}\n',
        (1, 1),
    ),
    "separators.jsonl": ('{"id": "a\u2028b"}\n{"id": "c\u0085d"}\n'.encode(), (2, 0)),
    # Line ends.
    "crlf.jsonl": (GOOD.replace(b"\n", b"\r\n"), (100, 0)),
    "cr.csv": (b"id,text\r1,a\r2,b\r", (2, 0)),
    "cr.jsonl": (GOOD.replace(b"\n", b"\r"), (0, 1)),
    "mixed.csv": (b"id,text\n1,a\r2,b\n3,c\r\n", (1, 1)),
    # JSON that goes far.
    "deep.jsonl": (b'{"id": %s}\n{"id": 2}\n' % _nested(1000, "[", "", "]"), (2, 0)),
    "deep_objects.jsonl": (b'{"id": %s}\n{}\n' % _nested(1000, '{"a":', "1", "}"), (2, 0)),
    "deeper.jsonl": (b'{"id": %s}\n{"id": 2}\n' % _nested(100_000, "[", "", "]"), (2, 0)),
    "deeper_objects.jsonl": (b'{"id": %s}\n{}\n' % _nested(100_000, '{"a":', "1", "}"), (2, 0)),
    "deeper_open.jsonl": (b'{"id": 1}\n%s\n{"id": 2}\n' % (b"[" * 100_000), (2, 1)),
    "deep.json": (b'[{"id": 1}, {"id": %s}, {"id": 3}]' % _nested(1000, "[", '"]"', "]"), (3, 0)),
    "deeper.json": (b'[%s, {"id": 2}]' % _nested(100_000, "[", "", "]"), (1, 1)),
    "deeper_open.json": (b"[" * 100_000, (0, 1)),
    "duplicates.jsonl": (b'{"id":1,"id":2}\n{"id":1,"ID":2}\n{"id":null,"ID":2}\n', (0, 3)),
    "numbers.jsonl": (
        b'{"id":NaN}\n{"id":-Infinity}\n{"id":1e999}\n{"id":-0}\n{"id":18446744073709551616}\n'
        b'{"id":%s}\n{"id":1.%s}\n' % (b"9" * 5000, b"1" * 400),
        (7, 0),
    ),
    "scalars.jsonl": (b'1\n"x"\nnull\n[]\n{}\n{"id":1}\n{"id":2} x\n{"id":3},\n\xa0\n', (2, 7)),
    # Names.
    "wide.jsonl": (
        b'{"id":1,' + b",".join(b'"c%d":%d' % (n, n) for n in range(10_000)) + b"}\n",
        "more than 1000 columns",
    ),
    "wide_by_lines.jsonl": (
        b"".join(b'{"id":%d,"k%d":1}\n' % (n, n) for n in range(10_000)),
        "more than 1000 columns",
    ),
    "wide.csv": (
        b"id" + b",c" * 10_000 + b"\n" + b"1," * 10_000 + b"1\n",
        "more than 1000 columns (10,001)",
    ),
    "wide.parquet": (
        _parquet(pa.table({"id": [1], **{f"c{n}": [n] for n in range(10_000)}})),
        "more than 1000 columns (10,001)",
    ),
    "long_name.jsonl": (b'{"id":1,"%s":2}\n{"id":2}\n' % (b"n" * 100_000), (1, 1)),
    "long_name.csv": (b"id,%s\n1,2\n" % (b"n" * 100_000), "name has 100,000 characters"),
    "long_name.parquet": (_parquet(pa.table({"id": [1], "n" * 9000: [2]})), "9,000 characters"),
    "names.jsonl": (
        '{"id":1,"a b":2,"a\\"b":3,"a\'b":4,"a=b":5,"a;b":6,"ключ":7,"a.b":8,"a/b":9,"a~b":10,'
        '"$.x":11,"a[0]":12,"select":13,"a\\\\b":14,"*":15,"%":16,"_line":17,"rowid":18,'
        '"fields":19,"marked":20,"chunk":21,"":22," ":null,"tab\\t.":23,"\\u001b[31m":24,'
        '"new\\nline":25,"keys":26,"reason":27,"$columns":28}\n'.encode(),
        (0, 1),
    ),
    "sound_names.jsonl": (
        '{"id":1,"a b":2,"a\\"b":3,"a\'b":4,"a=b":5,"a;b":6,"ключ":7,"a.b":8,"a/b":9,"a~b":10,'
        '"$.x":11,"a[0]":12,"select":13,"a\\\\b":14,"*":15,"%":16,"_line":17,"rowid":18,'
        '"fields":19,"marked":20,"chunk":21,"":22,"tab\\t.":23,"\\u001b[31m":24,'
        '"new\\nline":25,"keys":26,"reason":27,"$columns":28}\n'.encode(),
        (1, 0),
    ),
    "names.csv": ('id,"a ""b",a\'c,a=d,ключ,select,,,_line\n1,2,3,4,5,6,7,8,9\n'.encode(), (1, 0)),
    # CSV quotes.
    "quotes.csv": (
        b'id,text\n1,"a"b\n2,"open\n3,c\n4,d""e\n5,"f""g"\n6,"h",i\n7,"j"\n',
        (4, 3),
    ),
    "open_quote.csv": (b'id,text\n1,"open\n' + b"2,b\n" * 20_000, (20_000, 1)),
    # Parquet.
    "odd.parquet": (_parquet(ODD), (2, 0)),
    "wide_decimal.parquet": (
        _parquet(
            pa.table(
                {"id": pa.array([decimal.Decimal("1.1")], pa.decimal256(60, 2)), "text": ["a"]}
            )
        ),
        "a decimal of 60 digits",
    ),
    "no_rows.parquet": (_parquet(PLAIN.slice(0, 0)), (0, 0)),
    "other_columns.parquet": (_parquet(pa.table({"x": [1]})), "none of the declared columns"),
    "case.parquet": (
        _parquet(pa.table([pa.array([n]) for n in range(3)], names=["id", "ID", "Id"])),
        (1, 0),
    ),
    "same_name.parquet": (
        _parquet(pa.table([pa.array([n]) for n in range(2)], names=["id", "id"])),
        (1, 0),
    ),
    "row_number.parquet": (
        _parquet(pa.table({"id": [5, 6], "File_Row_Number": [7, 8], "filename": ["a", "b"]})),
        (2, 0),
    ),
    "names.parquet": (
        _parquet(pa.table({"id": [1], 'a"b': [2], "x; drop table y": [3], "": [4], " id": [5]})),
        (1, 0),
    ),
    "cut.parquet": (_parquet(LONG)[:-30], "cannot be read as parquet"),
    "start.parquet": (_parquet(LONG)[:40], "cannot be read as parquet"),
    "patched.parquet": (_parquet(LONG)[:3000] + _parquet(PLAIN)[-400:], "cannot be read as"),
    "damaged.parquet": (_damaged(_parquet(LONG), 2000, 400), "cannot be read as parquet"),
    "invalid_text.parquet": (
        _parquet(
            pa.table({"id": ["aaaa", "bbbb"]}),
            compression="none",
            use_dictionary=False,
            write_statistics=False,
        ).replace(b"bbbb", b"\xff\xfe\xfd\xfc"),
        "cannot be read as parquet",
    ),
}


@dataclass(frozen=True)
class Ingested:
    """The corpus in a lake."""

    lake: Lake
    results: dict[str, IngestResult]

    def counted(self, table: str) -> dict[str, int]:
        """The rows of each file in a table."""
        rows = self.lake.rows(f"select _file, count(*) from lake.raw.{table} group by all")
        return {key.removeprefix("a/"): count for key, count in rows}


@pytest.fixture(scope="module")
def ingested(shared_lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Ingested:
    landing = tmp_path_factory.mktemp("landing")
    (landing / "a").mkdir()
    for name, (content, _) in CORPUS.items():
        (landing / "a" / name).write_bytes(content)
    files = list_landed(str(landing), "a", S3Config())
    results = ingest_files(shared_lake, SOURCE, files, landing=str(landing))
    return Ingested(
        shared_lake, {file.key[2:]: result for file, result in zip(files, results, strict=True)}
    )


@pytest.mark.parametrize("name", CORPUS)
def test_a_nasty_file_ends_as_rows_rejected_lines_or_a_reason(
    ingested: Ingested, name: str
) -> None:
    result, outcome = ingested.results[name], CORPUS[name][1]
    if isinstance(outcome, str):
        assert result.status == "rejected"
        assert re.search(re.escape(outcome), result.reason or "")
        assert (result.lines, result.loaded, result.rejected) == (0, 0, 0)
    else:
        assert result.status == "loaded", result.reason
        assert (result.loaded, result.rejected) == outcome


def test_ledger_and_tables_tell_the_same_of_each_file(ingested: Ingested) -> None:
    ledger = ingested.lake.rows(
        "select file, lines, loaded, rejected, status = 'rejected', coalesce(length(reason), 0)"
        " from lake.ops.file_ledger where superseded_by is null"
    )
    raw, rejected = ingested.counted("a"), ingested.counted("rejected_lines")
    assert len(ledger) == len(CORPUS)
    for key, lines, loaded, refused, is_rejected, reason in ledger:
        assert lines == loaded + refused, key
        assert (raw.get(key[2:], 0), rejected.get(key[2:], 0)) == (loaded, refused)
        assert is_rejected == (reason > 0)


def test_no_reason_names_a_path_of_the_machine(ingested: Ingested) -> None:
    for result in ingested.results.values():
        assert "/tmp" not in (result.reason or "")  # noqa: S108


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (
            "select id from lake.raw.a where _file = 'a/numbers.jsonl' and _line < 6"
            " order by _line",
            [("NaN",), ("-Infinity",), ("1e999",), ("-0",), ("18446744073709551616",)],
        ),
        (
            "select length(id) from lake.raw.a where _file = 'a/numbers.jsonl' and _line > 5",
            [(5000,), (402,)],
        ),
        (
            "select length(id), id[:3] from lake.raw.a where _file = 'a/deeper.jsonl'"
            " order by _line",
            [(200_000, "[[["), (1, "2")],
        ),
        ("select id from lake.raw.a where _file = 'a/surrogates.jsonl'", [("😀",)]),
        (
            "select id = 'a' || chr(0) || 'b' or id = chr(0) from lake.raw.a"
            " where _file = 'a/nuls.jsonl' and _line > 100",
            [(True,)],
        ),
        (
            "select distinct length(reason) > 0 from lake.raw.rejected_lines",
            [(True,)],
        ),
        (
            'select id, "ID_1", "Id_2" from lake.raw.a where _file = \'a/case.parquet\'',
            [("0", "1", "2")],
        ),
        (
            'select "File_Row_Number", _line from lake.raw.a'
            " where _file = 'a/row_number.parquet' order by _line",
            [("7", 1), ("8", 2)],
        ),
        (
            'select "a b", "a""b", "a\'b", "a=b", "a;b", "ключ", "select", "*", "a/b", "a~b",'
            ' "source_line", "$columns" from lake.raw.a where _file = \'a/sound_names.jsonl\'',
            [("2", "3", "4", "5", "6", "7", "13", "15", "9", "10", "17", "28")],
        ),
        (
            'select id, text, struct, map, date, half, unsigned, nothing from lake.raw.a'
            " where _file = 'a/odd.parquet' and _line = 1",
            [
                (
                    "1.1000000000", '[{"a":1}]', '{"x":{"y":[1,null]}}', '{"k":1}',
                    "0001-01-01", "1.5", "18446744073709551615", None,
                )
            ],
        ),
    ],
)  # fmt: skip
def test_values_come_through(ingested: Ingested, query: str, expected: list[Any]) -> None:
    assert ingested.lake.rows(query) == expected
