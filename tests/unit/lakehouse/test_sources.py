from pathlib import Path

import pytest

from lakehouse.errors import TidemarkError
from lakehouse.sources import DEFAULT_COMPLETENESS, find_source, load_sources

_REVIEWS = """
sources:
  - name: raw
    tables:
      - name: reviews
        config: {meta: {completeness: 0.9}}
        columns:
          - name: rating
            config: {meta: {completeness: 1, formats: '[1-5]'}}
          - name: title
          - name: asin
            config: {meta: {formats: ['B[0-9]+', '[a-z.]+']}}
  - name: elsewhere
    tables: [{name: ignored}]
"""


def _declare(project: Path, text: str, folder: str = "reviews") -> Path:
    file = project / "models" / "staging" / folder / "_sources.yml"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return file


def _problem(project: Path) -> str:
    with pytest.raises(TidemarkError) as caught:
        load_sources(project)
    return caught.value.message


def test_declared_columns_completeness_and_formats_are_read(tmp_path: Path) -> None:
    _declare(tmp_path, _REVIEWS)
    sources = load_sources(tmp_path)
    assert list(sources) == ["reviews"]
    reviews = sources["reviews"]
    assert reviews.columns == ("rating", "title", "asin")
    assert reviews.completeness == {"rating": 1.0, "title": 0.9, "asin": 0.9}
    assert reviews.formats == {"rating": "[1-5]", "asin": "(?:B[0-9]+)|(?:[a-z.]+)"}
    assert reviews.completeness_of("not declared") == DEFAULT_COMPLETENESS


def test_no_declaration_means_no_sources(tmp_path: Path) -> None:
    assert load_sources(tmp_path) == {}


def test_a_document_without_sources_declares_nothing(tmp_path: Path) -> None:
    _declare(tmp_path, "version: 2\n")
    assert load_sources(tmp_path) == {}


def test_an_unknown_source_names_the_declared_and_the_nearest(tmp_path: Path) -> None:
    _declare(tmp_path, _REVIEWS)
    sources = load_sources(tmp_path)
    assert find_source(sources, "reviews").name == "reviews"
    with pytest.raises(TidemarkError) as caught:
        find_source(sources, "reviewz")
    assert "declared: reviews" in caught.value.message
    assert caught.value.hint == "Did you mean 'reviews'?"
    with pytest.raises(TidemarkError, match="declared: none"):
        find_source({}, "reviews")


def test_broken_yaml_names_file_and_line(tmp_path: Path) -> None:
    file = _declare(tmp_path, "sources:\n  - name: raw\n   tables: []\n")
    assert f"{file}, line 3" in _problem(tmp_path)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("{name: reviews}", "declares no columns"),
        ("{name: 'Re views', columns: [{name: a}]}", "'Re views'"),
        ("{columns: [{name: a}]}", "name is None"),
        ("{name: reviews, columns: [{name: a}, {name: A}]}", "'A' of 'reviews' is there twice"),
        ("{name: reviews, columns: [{description: x}]}", "has no name"),
        ("{name: reviews, columns: [text]}", "must be a mapping, not 'text'"),
        ("{name: reviews, columns: text}", "'columns' must be a list"),
        (
            "{name: reviews, columns: [{name: a, config: {meta: {completeness: 80}}}]}",
            "completeness is 80",
        ),
        (
            "{name: reviews, columns: [{name: a, config: {meta: {completeness: true}}}]}",
            "completeness is True",
        ),
        ("{name: reviews, columns: [{name: a, config: [meta]}]}", "must be mappings"),
        ("{name: reviews, columns: [{name: a, config: {meta: {formats: 5}}}]}", "formats is 5"),
        (
            "{name: reviews, columns: [{name: a, config: {meta: {formats: '(?=a)'}}}]}",
            "no regular expression",
        ),
    ],
)
def test_what_cannot_be_declared_is_named_with_its_line(
    tmp_path: Path, table: str, problem: str
) -> None:
    file = _declare(tmp_path, f"sources:\n- name: raw\n  tables:\n  - {table}\n")
    message = _problem(tmp_path)
    assert problem in message
    assert f"{file}, line 4" in message


def test_a_source_declared_in_two_files_is_an_error(tmp_path: Path) -> None:
    _declare(tmp_path, _REVIEWS, "a")
    second = _declare(tmp_path, _REVIEWS, "b")
    message = _problem(tmp_path)
    assert f"{second}" in message
    assert "'reviews' is declared twice" in message
