import pytest

from lakehouse.declaration.errors import Mark
from lakehouse.declaration.yaml_text import read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("no", "no"),
        ("true", True),
        ("False", False),
        ("1e-3", 0.001),
        ("-.5", -0.5),
        ("+7", 7),
        ("007", 7),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("0x10", "0x10"),
        ("~", None),
        ("''", ""),
        ("'1'", "1"),
        ("<<", "<<"),
        ("9" * 30, 1e30),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    read = read_yaml(f"a: {text}", "x.yaml")
    assert read.value == {"a": value}
    assert type(read.value["a"]) is type(value)
    assert read.errors == ()


def test_places_of_keys_and_values_are_known() -> None:
    source = read_yaml("a:\n  b: [1, 22]\n", "x.yaml").source
    assert source.keys["a", "b"] == Mark(2, 3)
    assert source.values["a", "b", 1] == Mark(2, 10)
    assert source.place(("a", "b", 7)) == Mark(2, 6)
    assert source.place(("nowhere",)) == Mark(1, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "x.yaml:3:1 a: 'a' is given twice (first in line 1)."),
        ("a: {b: 1, b: 2}", "x.yaml:1:11 a.b: 'b' is given twice (first in line 1)."),
        ("a: &x 1\nb: *x", "x.yaml:2:1 b: Anchors and aliases are not part of a spec."),
        ("a: &x [*x]", "x.yaml:1:4 a[0]: Anchors and aliases are not part of a spec."),
        ("a: !!int x", "x.yaml:1:4 a: 'x' cannot be read by the tag"),
        ("a: !!python/object/apply:os.getcwd []", "x.yaml:1:4 a: The tag"),
        ("a: !!set {b}", "x.yaml:1:4 a: The tag"),
        ("1: 2", "x.yaml:1:1 A key here is not text; put it in quotes."),
        ("? [a]\n: 2", "x.yaml:1:3 A key here is not text; put it in quotes."),
    ],
)
def test_what_is_not_part_of_a_spec_is_an_error_with_its_place(text: str, message: str) -> None:
    errors = read_yaml(text, "x.yaml").errors
    assert len(errors) == 1
    assert errors[0].render().startswith(message)


def test_nested_aliases_do_not_grow_without_bound() -> None:
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    read = read_yaml("\n".join(lines), "x.yaml")
    assert len(read.errors) == 2 * 59
