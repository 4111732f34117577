"""What differs between two specs, in words."""

import pytest

from ml_assets.spec.changes import spec_changes


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ({"a": {"b": 1.0}}, {"a": {"b": 0.5}}, ["a.b 1.0 -> 0.5"]),
        ({"n": ["x", "y"]}, {"n": ["y", "z"]}, ["n + z - x"]),
        ({"n": ["x", "y"]}, {"n": ["y", "x"]}, ["n ['x', 'y'] -> ['y', 'x']"]),
        ({"near": None}, {"near": {"similarity": 0.8}}, ["near none -> {'similarity': 0.8}"]),
        ({"name": "linear_text", "ngrams": 2}, {"name": "lightgbm", "trees": 9},
         ["name linear_text -> lightgbm", "trees is new: 9", "ngrams is gone"]),
        ({"on": True}, {"on": False}, ["on true -> false"]),
        ({"a": 1}, {"a": 1}, []),
    ],
)  # fmt: skip
def test_each_difference_is_told_by_its_field(before, after, words):
    assert spec_changes(before, after) == words


def test_fields_that_came_or_went_are_told_as_such():
    assert spec_changes({"ngrams": 2}, {"trees": 9}) == ["trees is new: 9", "ngrams is gone"]


def test_a_long_value_is_cut():
    (words,) = spec_changes({"a": "x"}, {"a": "y" * 100})
    assert words.endswith("...")
    assert len(words) < 80
