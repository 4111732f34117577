import pytest

from lakehouse.landing.naming import RESERVED, fold, raw_name, raw_names


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_the_platforms_names_get_a_prefix_whatever_their_case(name: str) -> None:
    for found in (name, name.upper()):
        assert raw_name(found, []).startswith("source_")
        assert fold(raw_name(found, [])) not in RESERVED


def test_a_declared_column_is_found_whatever_the_case_and_blanks_around() -> None:
    assert raw_name(" User_ID\t", ["title", "user_id"]) == "user_id"


def test_names_stay_as_they_are_otherwise() -> None:
    assert raw_names(["Star Rating", "a.b", "ключ", 'q"'], []) == [
        "Star Rating",
        "a.b",
        "ключ",
        'q"',
    ]


def test_repeated_and_empty_names_are_told_apart() -> None:
    assert raw_names(["a", "", "A", " ", "a_2", "a"], []) == [
        "a",
        "unnamed",
        "A_2",
        "unnamed_2",
        "a_2_2",
        "a_3",
    ]


def test_only_ascii_letters_are_one_whatever_their_case() -> None:
    # DuckDB keeps them apart, too.
    assert raw_names(["É", "é"], []) == ["É", "é"]


def test_a_nul_character_does_not_get_into_a_name() -> None:
    assert raw_name("a\x00b", []) == "ab"
