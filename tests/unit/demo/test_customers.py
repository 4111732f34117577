"""The tutorial's customers: the same for everybody, with as many defects as they say."""

import csv
from collections import Counter
from statistics import mean

import pytest

from demo.customers import COLUMNS, FIRST_FILE, SECOND_FILE, generate_customers, main


def _rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_same_seed_gives_the_same_bytes_and_another_gives_others(tmp_path):
    for name, seed in (("one", 7), ("same", 7), ("other", 8)):
        generate_customers(tmp_path / name, seed=seed)
    for file in (FIRST_FILE, SECOND_FILE):
        content = (tmp_path / "one" / file).read_bytes()
        assert content == (tmp_path / "same" / file).read_bytes()
        assert content != (tmp_path / "other" / file).read_bytes()


def test_what_is_planted_is_there_and_nothing_else_is_wrong(tmp_path):
    for planted in generate_customers(tmp_path):
        rows = _rows(tmp_path / planted.name)
        assert tuple(rows[0]) == COLUMNS
        assert len(rows) == planted.rows
        times = Counter(tuple(row.values()) for row in rows)
        assert sum(count - 1 for count in times.values()) == planted.duplicates
        bad = [
            row
            for row in rows
            if not row["customer_id"] or row["price"] == "n/a" or row["signed_up_on"][2] == "."
        ]
        assert len(bad) == planted.bad
        assert sum(not row["churned"] for row in rows) == planted.unknown
        assert {row["churned"] for row in rows} <= {"yes", "no", ""}


def test_the_second_file_has_others_at_a_higher_price(tmp_path):
    generate_customers(tmp_path)
    first, second = (_rows(tmp_path / name) for name in (FIRST_FILE, SECOND_FILE))

    def advertised(rows):
        return mean(row["channel"] == "advert" for row in rows)

    def price(rows):
        return mean(float(row["price"]) for row in rows if row["price"] != "n/a")

    assert advertised(second) > advertised(first) + 0.4
    assert price(second) > price(first) + 2


@pytest.mark.parametrize("arguments", [[], ["--help"], ["a", "b"]])
def test_other_arguments_than_a_folder_are_told_the_usage(arguments, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["customers", *arguments])
    with pytest.raises(SystemExit, match="Usage"):
        main()
    assert list(tmp_path.iterdir()) == []
