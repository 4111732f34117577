"""What differs between two versions of code, in words."""

from lakehouse.code_versions import changes_in_words


def test_without_a_known_version_there_is_nothing_to_tell():
    assert changes_in_words(None, {"model a": "1"}) == ""
    assert changes_in_words({"model a": "1"}, {"model a": "1"}) == ""


def test_what_came_and_went_is_told():
    before = {"model a": "1", "macro x": "1", "macro y": "1"}
    after = {"model a": "1", "model b": "1", "model c": "1"}
    words = "b and c are new; macro x and macro y are gone; a unchanged"
    assert changes_in_words(before, after) == words


def test_many_names_are_counted():
    before = {f"model m{number}": "1" for number in range(9)}
    after = dict.fromkeys(before, "2")
    assert changes_in_words(before, after) == "m0, m1, m2, m3, m4, m5 and 3 more changed"
