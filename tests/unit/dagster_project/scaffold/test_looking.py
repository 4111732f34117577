"""What columns of a file hold, by their values."""

import gzip
import json

import duckdb
import pytest

from dagster_project.scaffold.looking import look_at_file, sql_name
from lakehouse.errors import TidemarkError


@pytest.fixture
def engine():
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        yield connection


def _look(tmp_path, engine, values, name="Some Column"):
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps({name: value, "n": 1}) + "\n" for value in values))
    return look_at_file(file, engine).columns[0]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2.0", " 3 "], "whole"),
        (["1", "2.5", "-1e3"], "number"),
        (["01234", "00111"], "code"),
        (["true", "False"], "boolean"),
        (["0", "1"], "whole"),
        (["basic", "pro"], "code"),
        (["2024-01-31", "2024-02-01T10:00:00Z"], "time"),
        ([f"this is the {n}th text of several words" for n in range(9)], "text"),
        (["a"] * 2 + ["1"] * 98, "whole"),
        (["a"] * 3 + ["1"] * 97, "code"),
        ([None, None], "code"),
        (["nan", "inf", "nan"], "code"),
        (["12345678901234567890"], "number"),
    ],
)
def test_the_kind_of_a_column_is_that_of_nearly_all_values(tmp_path, engine, values, kind):
    assert _look(tmp_path, engine, values).kind == kind


@pytest.mark.parametrize(
    ("values", "time_format"),
    [
        (["31/01/2024", "01/02/2024"], "%d/%m/%Y"),
        (["01/31/2024", "02/01/2024"], "%m/%d/%Y"),
        (["31.01.2024 10:30", "01.02.2024 00:00"], "%d.%m.%Y %H:%M"),
        (["1706659200", "1706745600"], "unix_seconds"),
        (["1706659200000", "1706745600000"], "unix_milliseconds"),
    ],
)
def test_the_way_that_times_are_written_is_found(tmp_path, engine, values, time_format):
    column = _look(tmp_path, engine, values, name="created_at")
    assert (column.kind, column.time_format) == ("time", time_format)


def test_large_numbers_are_times_only_where_the_name_says_so(tmp_path, engine):
    assert _look(tmp_path, engine, ["1706659200"], name="balance").kind == "whole"


def test_files_are_read_as_landing_reads_them(tmp_path, engine):
    file = tmp_path / "rows.csv.gz"
    text = 'Año;"Order ";order\n2024;"a;b\nc";1\n2023;x\n'
    file.write_bytes(gzip.compress(text.encode("latin-1")))
    looked = look_at_file(file, engine)
    assert [(one.raw, one.name) for one in looked.columns] == [
        ("Año", "ano"),
        ("Order", "order_value"),
        ("order_2", "order_2"),
    ]
    assert (looked.rows, looked.rejected) == (1, 1)


@pytest.mark.parametrize(
    ("raw", "name"),
    [("CustomerID", "customer_id"), ("select", "select_value"), ("€", "column_value"),
     ("rule", "rule_value"), ("2024", "column_2024"), ("text", "text")],
)  # fmt: skip
def test_names_are_such_that_sql_takes_them_as_they_are(engine, raw, name):
    assert sql_name(raw, engine) == name


@pytest.mark.parametrize(("content", "told"), [(b"", "no rows"), (b"a,b\n", "no rows")])
def test_a_file_without_rows_is_refused(tmp_path, engine, content, told):
    file = tmp_path / "rows.csv"
    file.write_bytes(content)
    with pytest.raises(TidemarkError, match=told):
        look_at_file(file, engine)
    with pytest.raises(TidemarkError, match="There is no file"):
        look_at_file(tmp_path / "missing.csv", engine)
