"""Extraction specs: what loads, and how errors are told with their line."""

from pathlib import Path

import pytest

from ml_assets.spec.columns import check_columns
from ml_assets.spec.extraction import ExtractionSpec
from ml_assets.spec.loading import load_specs, parse_spec

GOOD = """\
name: mentions
task: extraction
table: review_features
entity_key: review_id
event_time: review_at
extraction:
  columns: [title, text]
  fields:
    price: {pattern: '\\$(?P<value>\\d+)', type: number}
    part:
      dictionary: {neck: [neck, necks], string: [string]}
    language: {language: true}
  labels: {part: part_label}
gate:
  minimum: {part: {precision: 0.8}}
"""
COLUMNS = {
    "review_id": "varchar", "review_at": "timestamptz", "title": "varchar", "text": "varchar",
    "part_label": "varchar[]",
}  # fmt: skip


def rendered(text: str) -> list[str]:
    return [error.render() for error in parse_spec(text, "x.yaml").errors]


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)


def test_a_good_spec_loads() -> None:
    parsed = parse_spec(GOOD, "x.yaml")
    assert parsed.errors == ()
    assert isinstance(parsed.spec, ExtractionSpec)
    assert parsed.spec.extraction.fields["language"].is_single
    assert not parsed.spec.extraction.fields["part"].is_single
    assert check_columns(parsed.spec, COLUMNS, parsed.source) == []


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("{language: true}", "{language: true, pattern: a}", "x.yaml:12", "pattern and language"),
        ("{language: true}", "{}", "x.yaml:12", "this is none"),
        (r"\$(?P<value>\d+)", "(?=a)", "x.yaml:9", "RE2 cannot read the pattern"),
        ("[string]", "[string, NECK]", "x.yaml:11", "stands for 'neck' already"),
        ("[string]", "[' string']", "x.yaml:11", "begins or ends with a space"),
        ("[string]", "[]", "x.yaml:11", "'string' has no word"),
        ("type: number", "type: date", "x.yaml:9", "Formats are for dates"),
        ("{language: true}", "{language: true, columns: [titel]}", "x.yaml:12", "mean title?"),
        ("labels: {part: ", "labels: {parts: ", "x.yaml:13", "Did you mean part?"),
        ("{part: {precision", "{price: {precision", "x.yaml:15", "'price' has no label"),
        ("precision: 0.8", "precisoin: 0.8", "x.yaml:15", "Did you mean precision?"),
        ("type: number", "typ: number", "x.yaml:9", "Did you mean type?"),
        ("    language: {", "    all: {", "x.yaml:12", "cannot be a field's name"),
        ("task: extraction", "task: extractoin", "x.yaml:2", "Did you mean"),
        (
            "{language: true}", "{key_phrases: {languages: [xx]}}", "x.yaml:12",
            "no stop words, or no detection, of the language 'xx'",
        ),
    ],
)  # fmt: skip
def test_errors_name_line_and_cause(old: str, new: str, place: str, words: str) -> None:
    text = changed(old, new)
    found = rendered(text)
    assert any(place in error and words in error for error in found), found


def test_columns_are_checked_against_the_table() -> None:
    parsed = parse_spec(GOOD, "x.yaml")
    columns = {**COLUMNS, "text": "bigint"}
    del columns["title"]
    found = [error.render() for error in check_columns(parsed.spec, columns, parsed.source)]
    assert any("has no column 'title'" in error for error in found)
    assert any("'text' is bigint" in error for error in found)


@pytest.mark.parametrize("kind", ["", "label: {column: stars}"])
def test_a_mistyped_task_is_told_with_the_tasks_of_both_kinds(kind: str) -> None:
    text = changed("task: extraction", "task: extractions")
    if kind:
        text = f"{text[: text.index('extraction:')]}{kind}\n"
    found = [error for error in rendered(text) if "x.yaml:2" in error]
    assert len(found) == 1
    assert "Allowed: classification, extraction, forecast, ordinal, regression" in found[0]
    assert "Did you mean extraction?" in found[0]


def test_rows_are_chosen_by_columns_of_the_table() -> None:
    parsed = parse_spec(changed("extraction:\n", "rows: {titel: [a]}\nextraction:\n"), "x.yaml")
    (error,) = check_columns(parsed.spec, COLUMNS, parsed.source)
    assert (error.line, error.nearest) == (6, "title")


def test_a_folder_tells_models_from_extractions(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.yaml").write_text(GOOD.replace("[title, text]", "[]").replace("mentions", "b"))
    folder = load_specs(tmp_path)
    assert {name: type(spec) for name, spec in folder.specs.items()} == {"mentions": ExtractionSpec}
    assert [broken.name for broken in folder.broken] == ["b"]
