from typing import Any

import pytest

from lakehouse.declaration.errors import SpecError
from ml_assets.spec.columns import check_columns, manifest_columns, manifest_tables, type_class
from ml_assets.spec.loading import parse_spec

SPEC = """\
name: m
task: ordinal
table: marts_table
entity_key: id
event_time: at
label: {column: stars, classes: [1, 2]}
features:
  text: [body]
  categorical: [language]
  numeric: [words, is_new]
segments: [language]
algorithm: {name: linear_text}
split: {near_duplicates: {columns: [body]}}
"""
COLUMNS = {
    "id": "varchar",
    "at": "TIMESTAMP WITH TIME ZONE",
    "stars": "smallint",
    "body": "VARCHAR(2000)",
    "language": "varchar",
    "words": "decimal(18, 3)",
    "is_new": "boolean",
    "vector": "float[]",
}


def errors(columns: dict[str, str] | None, text: str = SPEC, **options: Any) -> list[SpecError]:
    parsed = parse_spec(text, "x.yaml")
    assert parsed.spec is not None, parsed.errors
    return check_columns(parsed.spec, columns, parsed.source, **options)


def test_a_spec_that_fits_its_table_has_no_errors() -> None:
    assert errors(COLUMNS) == []


def test_columns_without_a_declared_type_are_not_checked_for_it() -> None:
    assert errors(dict.fromkeys(COLUMNS, "")) == []


def test_a_missing_table_names_the_nearest() -> None:
    (error,) = errors(None, tables=["reviews", "mart_table"])
    assert error.render() == (
        "x.yaml:3:8 table: dbt has no model 'marts_table'. Allowed: mart_table, reviews."
        " Did you mean mart_table?"
    )


def test_a_missing_column_is_named_at_each_use_with_the_nearest() -> None:
    columns = {name: kind for name, kind in COLUMNS.items() if name != "body"} | {"bodi": "varchar"}
    found = errors(columns)
    assert [(error.line, error.field, error.nearest) for error in found] == [
        (8, "features.text[0]", "bodi"),
        (13, "split.near_duplicates.columns[0]", "bodi"),
    ]


@pytest.mark.parametrize(
    ("column", "data_type", "fields"),
    [
        ("id", "double", ["entity_key"]),
        ("at", "varchar", ["event_time"]),
        ("stars", "double", ["label.column"]),
        ("stars", "varchar", ["label.column"]),
        ("body", "integer", ["features.text[0]", "split.near_duplicates.columns[0]"]),
        ("language", "double", ["features.categorical[0]", "segments[0]"]),
        ("words", "varchar", ["features.numeric[0]"]),
        ("words", "date", ["features.numeric[0]"]),
        ("words", "float[]", ["features.numeric[0]"]),
    ],
)
def test_a_type_that_does_not_fit_is_an_error_at_each_use(
    column: str, data_type: str, fields: list[str]
) -> None:
    found = errors(COLUMNS | {column: data_type})
    assert [error.field for error in found] == fields
    assert f"'{column}' is {data_type} in 'marts_table'" in found[0].render()
    assert found[0].allowed.startswith("a column of ")


def test_columns_that_choose_rows_are_checked_like_all_others() -> None:
    found = errors(COLUMNS, f"{SPEC}rows: {{languages: [es], words: [1], language: [es]}}\n")
    assert [error.field for error in found] == ["rows.languages", "rows.words"]
    assert "Did you mean language?" in found[0].render()


def test_text_classes_want_a_text_label() -> None:
    text = SPEC.replace("[1, 2]", "[bad, good]")
    assert [error.field for error in errors(COLUMNS, text)] == ["label.column"]
    assert errors(COLUMNS | {"stars": "text"}, text) == []


@pytest.mark.parametrize(
    ("data_type", "kind"),
    [
        ("BIGINT", "whole"),
        ("utinyint", "whole"),
        ("hugeint", "whole"),
        ("int8", "whole"),
        (" Integer ", "whole"),
        ("DECIMAL(10,2)", "number"),
        ("real", "number"),
        ("timestamptz", "time"),
        ("timestamp_ns", "time"),
        ("bool", "boolean"),
        ("uuid", "text"),
        ("varchar[]", "other"),
        ("struct(a integer)", "other"),
        ("interval", "other"),
        ("", "other"),
    ],
)
def test_type_classes(data_type: str, kind: str) -> None:
    assert type_class(data_type) == kind


def test_a_manifest_gives_the_columns_of_models_only() -> None:
    manifest = {
        "nodes": {
            "model.p.b": {"resource_type": "model", "name": "b", "columns": {"x": {}}},
            "model.p.a": {"resource_type": "model", "name": "a"},
            "test.p.t": {"resource_type": "test", "name": "t", "columns": {}},
        }
    }
    assert manifest_columns(manifest, "b") == {"x": ""}
    assert manifest_columns(manifest, "a") == {}
    assert manifest_columns(manifest, "t") is None
    assert manifest_columns({}, "a") is None
    assert manifest_tables(manifest) == ["a", "b"]
