"""Tables fit the terminal, and nothing that they say is cut."""

import io

import pytest
from rich.console import Console

from dagster_project.cli import output
from dagster_project.cli.output import column_widths, print_table


def _printed(monkeypatch, width, columns, rows):
    text = io.StringIO()
    monkeypatch.setattr(output, "console", Console(file=text, width=width))
    print_table("What it says", columns, rows)
    return text.getvalue()


_COLUMNS = ["source", "files", "quarantined", "reason"]
_ROWS = [
    ["series_observations", 16_660, 35_245, "there is no trained version yet"],
    ["reviews", 1, None, "a [bold] word"],
]


@pytest.mark.parametrize("width", [200, 80, 64])
def test_words_stay_whole_in_a_table(width, monkeypatch):
    printed = _printed(monkeypatch, width, _COLUMNS, _ROWS)
    assert max(map(len, printed.splitlines())) <= width
    for word in ("series_observations", "16,660", "35,245", "trained", "version", "[bold]"):
        assert word in printed
    assert "┃" in printed


def test_a_row_that_does_not_fit_stands_as_lines(monkeypatch):
    printed = _printed(monkeypatch, 40, _COLUMNS, _ROWS)
    assert "┃" not in printed
    assert "     source  series_observations\n" in printed
    assert "quarantined  35,245\n" in printed
    assert "     reason  a [bold] word\n" in printed


def test_names_of_columns_give_way_before_words():
    assert column_widths(["quadratic_weighted_kappa", "n"], [["0.5", "12"]], 30) == [21, 2]
    assert column_widths(["quadratic_weighted_kappa", "n"], [["0.5", "12"]], 17) == [8, 2]


def test_a_word_that_no_line_can_hold_is_broken(monkeypatch):
    word = "".join(chr(ord("a") + i % 26) for i in range(100))
    printed = _printed(monkeypatch, 60, ["text"], [[word]])
    assert "".join(line.strip("│ ") for line in printed.splitlines() if "│" in line) == word


def test_a_table_without_rows_has_its_columns(monkeypatch):
    assert "quarantined" in _printed(monkeypatch, 80, _COLUMNS, [])
