import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.landing.compression import UnreadableFileError
from lakehouse.landing.json_records import json_records


def _problem(text: str, path: str) -> str:
    with pytest.raises(UnreadableFileError) as caught:
        list(json_records(text, path, []))
    return caught.value.message


def test_records_stand_as_they_do_in_the_document() -> None:
    text = '{"a": {"rows": [ {"n": 1.10e5} ,{"n":\n"\\u00e9 ]}"}], "x": 1}}'
    assert list(json_records(text, "a.rows[]", [])) == ['{"n": 1.10e5}', '{"n":\n"\\u00e9 ]}"}']


def test_fields_around_a_record_come_with_it_also_from_behind() -> None:
    text = '{"id": "outer", "s": [{"d": [{}, {"v": 1}], "id": "inner"}, {"d": [{"v": 2}]}]}'
    assert [json.loads(one) for one in json_records(text, "s[].d[]", ["id"])] == [
        {"parent: id": "inner"},
        {"parent: id": "inner", "v": 1},
        {"parent: id": "outer", "v": 2},
    ]


def test_several_documents_follow_each_other() -> None:
    assert list(json_records('{"r": [1]}\n{"r": [2, 3]}\n', "r[]", [])) == ["1", "2", "3"]
    assert list(json_records('[{"r": [1]}, {"r": []}]', "[].r[]", [])) == ["1"]


def test_a_record_that_is_no_list_is_one_record() -> None:
    assert list(json_records('{"a": {"b": {"v": 1}}}', "a.b", [])) == ['{"v": 1}']


def test_what_is_not_where_it_should_be_is_named() -> None:
    assert _problem('{"a": {"rowz": []}}', "a.rows[]").endswith(
        "a has no field 'rows'; it has 'rowz'."
    )
    assert "a[] is no object but '7]}'" in _problem('{"a": [7]}', "a[].b[]")
    assert "a is no list but '{}}'" in _problem('{"a": {}}', "a[]")


@pytest.mark.parametrize("cut", range(1, 24))
def test_a_cut_document_is_told_wherever_it_is_cut(cut: int) -> None:
    text = '{"a": [{"b": 1}, {"b": 2}]}'
    assert "stops being JSON at its end" in _problem(text[:-cut], "a[]") or cut < 3


_VALUES = st.recursive(
    st.text(max_size=8) | st.integers(), lambda inner: st.lists(inner, max_size=3), max_leaves=6
)


@given(st.lists(st.dictionaries(st.text(max_size=5), _VALUES, max_size=4), max_size=4))
def test_every_record_of_any_document_is_found(rows: list[dict[str, object]]) -> None:
    document = json.dumps({"x": rows, "a": {"rows": rows}})
    assert [json.loads(one) for one in json_records(document, "a.rows[]", [])] == rows
