import tempfile
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse.feeds.loading import parse_feed
from lakehouse.landing.compression import UnreadableFileError
from lakehouse.landing.detection import detect
from lakehouse.landing.readers import stage_file
from lakehouse.sources import Source, with_feeds

TABLE = Source(name="t", columns=("a", "b", "c"))


def _read(content: bytes, declaration: str) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows with the raw columns, and the reasons of what is rejected."""
    parsed = parse_feed(f"name: feed\ninto: t\n{declaration}", "feed.yaml")
    assert parsed.spec is not None, [error.render() for error in parsed.errors]
    source = with_feeds({"t": TABLE}, [parsed.spec])["t"]
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as engine:
        path = Path(folder) / "landed"
        path.write_bytes(content)
        detection = detect(path, "x", parsed.spec.detected_by)
        staged = stage_file(
            path, detection, source=source, key="feed/x", folder=Path(folder), engine=engine
        )
        rows: list[dict[str, Any]] = []
        reasons = []
        for file in staged.rows:
            rows += pq.read_table(file).drop_columns(["_line", "_file"]).to_pylist()
        for file in staged.rejected:
            reasons += pq.read_table(file).column("reason").to_pylist()
    return rows, reasons


def test_columns_are_renamed_chosen_and_filled_with_constants() -> None:
    rows, _ = _read(b"X,Other,Y\n1,2,3\n", 'columns: {b: x, a: Y, c: {value: "it\'s"}}')
    assert rows == [{"b": "1", "a": "3", "c": "it's"}]


def test_of_several_names_the_first_that_the_file_has_is_taken() -> None:
    declaration = "columns: {a: [observation_date, DATE], b: v}"
    assert _read(b"DATE,v\n2024,1\n", declaration)[0] == [{"a": "2024", "b": "1"}]
    both = b'{"DATE": "1", "v": 2}\n{"observation_date": "3", "v": 4}\n'
    assert [row["a"] for row in _read(both, declaration)[0]] == ["1", "3"]


def test_a_column_that_no_record_has_makes_the_file_unreadable_by_name() -> None:
    for content in (b"x,z\n1,2\n", b'{"x": 1, "z": 2}\n'):
        with pytest.raises(UnreadableFileError) as caught:
            _read(content, "columns: {a: x, b: y}")
        assert "It has no 'y', which the source declares for the column 'b'; it has 'x', 'z'." in (
            caught.value.message.replace("'x'; it has 'z', 'x'", "'x', 'z'")
        )


def test_an_optional_column_may_be_missing_and_a_record_may_lack_any() -> None:
    content = b'{"x": 1}\n{"x": 2, "y": 3}\n'
    rows, _ = _read(content, "columns: {a: x, b: y, c: {column: z, optional: true}}")
    assert rows == [{"a": "1", "b": None, "c": None}, {"a": "2", "b": "3", "c": None}]


def test_parquet_is_mapped_too() -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"x": [1, 2], "y": ["p", None]}), sink)
    rows, _ = _read(sink.getvalue().to_pybytes(), "columns: {a: y, b: x}")
    assert rows == [{"a": "p", "b": "1"}, {"a": None, "b": "2"}]


def test_records_that_cannot_be_rows_are_explained() -> None:
    declaration = "records: s[].d[]\ncolumns: {a: {parent: id}, b: v}"
    rows, reasons = _read(b'{"s": [{"id": 7, "d": [{"v": 1.10}, 5, {"v": null}]}]}', declaration)
    assert rows == [{"a": "7", "b": "1.10"}, {"a": "7", "b": None}]
    assert reasons == ["not a JSON object"]


def test_a_missing_parent_is_named() -> None:
    with pytest.raises(UnreadableFileError, match="no 'id' around its records"):
        _read(b'{"d": [{"v": 1}]}', "records: d[]\ncolumns: {a: {parent: id}, b: v}")


def test_declared_encoding_delimiter_and_format_are_not_guessed() -> None:
    content = "x|y\ncaf\xe9|1,5\n".encode("cp1252")
    declaration = "read: {format: csv, encoding: cp1252, delimiter: '|'}\ncolumns: {a: x, b: y}"
    assert _read(content, declaration)[0] == [{"a": "café", "b": "1,5"}]
