import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.webhook.events import NotEventsError, events_in


def test_an_event_stays_as_it_was_written_but_for_its_lines() -> None:
    assert events_in(b'{\n  "price": 1.10,\r\n  "t": "a\\nb"}') == [
        b'{   "price": 1.10,    "t": "a\\nb"}'
    ]
    assert events_in(b'{"a": 1}\n{"a": 2}\n') == [b'{"a": 1}', b'{"a": 2}']


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "the body is empty"),
        (b"[]", "the body is empty"),
        (b"not json", "the body is not JSON"),
        (b'{"a": 1', "the body is not JSON"),
        (b'{"a": "\xff"}', "the body is not UTF-8"),
        (b'[{"a": 1}, 2]', "event 2 is not a JSON object"),
    ],
)
def test_a_body_without_events_is_refused_whole(body: bytes, problem: str) -> None:
    with pytest.raises(NotEventsError, match=problem):
        events_in(body)


@given(st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=5)), min_size=1, max_size=5))
def test_every_event_is_one_line_of_the_same_meaning(events: list[dict[str, str]]) -> None:
    for text in (json.dumps(events, indent=1), json.dumps(events, ensure_ascii=False)):
        lines = b"".join(event + b"\n" for event in events_in(text.encode())).split(b"\n")
        assert [json.loads(line) for line in lines[:-1]] == events
