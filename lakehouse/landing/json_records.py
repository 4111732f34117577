"""Records deep within JSON documents, found by a path such as `bmx.series[].datos[]`."""

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from lakehouse.feeds.document import Feed
from lakehouse.feeds.reading import parent_key, path_parts
from lakehouse.landing.compression import UnreadableFileError
from lakehouse.landing.detection import Detection, utf8_blocks
from lakehouse.landing.json_rows import stage_json
from lakehouse.landing.limits import DOCUMENT_LIMIT, mebibytes
from lakehouse.landing.mapping import ColumnMapping
from lakehouse.landing.staging import Staging

_CHUNK = 50_000
_BLANKS = " \t\r\n"
_SHOWN = 20
# Numbers stay text: only where a value ends matters.
_SCAN = json.JSONDecoder(parse_float=str, parse_int=str).raw_decode


class Span(NamedTuple):
    """Where a value stands in the text."""

    start: int
    end: int


def stage_json_records(staging: Staging, path: Path, detection: Detection, *, feed: Feed) -> None:
    """Stages the records at the source's path, numbered from 1 over the whole file.

    A record carries the declared fields of the objects around it. The document is read as a whole,
    because a field of an object may stand behind its records.

    Raises:
        UnreadableFileError: It is not JSON, is too large, or has nothing at the path.
    """
    import pyarrow as pa

    text = _text(path, detection)
    parents = [column.parent for column in feed.columns.values() if column.parent is not None]
    records = json_records(text, feed.records or "", parents)
    done = 0
    while some := list(islice(records, _CHUNK)):
        numbers = pa.array(range(done + 1, done + len(some) + 1), pa.int64())
        texts = pa.array(
            [one.encode("utf-8", "surrogateescape") for one in some], pa.large_binary()
        )
        columns = ColumnMapping(feed.columns).wanted
        stage_json(staging, texts, numbers, columns=columns, encoding=detection.encoding)
        done += len(some)


def _text(path: Path, detection: Detection) -> str:
    blocks, size = [], 0
    for block in utf8_blocks(path, detection):
        blocks.append(block)
        size += len(block)
        if size > DOCUMENT_LIMIT:
            raise UnreadableFileError(
                f"It is a JSON document of more than {mebibytes(DOCUMENT_LIMIT)}, too large to look"
                " for records in. Land it as JSON lines, or in parts."
            )
    return b"".join(blocks).decode("utf-8", "surrogateescape")


def json_records(text: str, records: str, parents: list[str]) -> Iterator[str]:
    """The texts of the records of all documents in the text, exactly as they stand there.

    Args:
        text: JSON documents, one after the other.
        records: The path to the records.
        parents: Fields of the objects around them, put first in each record that is an object.

    Raises:
        UnreadableFileError: The text is not JSON, or has nothing at the path.

    >>> text = '{"s": [{"d": [{"v": 1.10}], "id": "A"}]}'
    >>> list(json_records(text, "s[].d[]", ["id"]))
    ['{"parent: id": "A", "v": 1.10}']
    """
    parts = path_parts(records)
    at = _next(text, 0)
    while at < len(text):
        yield from _below(text, at, parts, [], dict.fromkeys(parents))
        at = _next(text, _end(text, at))


def _below(
    text: str, at: int, parts: list[str], way: list[str], parents: Mapping[str, str | None]
) -> Iterator[str]:
    """The records below the value that begins at `at`, which `way` has led to."""
    if not parts:
        yield _with_parents(text[at : _end(text, at)], parents)
        return
    if parts[0] == "[]":
        if text[at] != "[":
            raise _nothing(way, f"is no list but {_shown(text, at)}")
        for element in _elements(text, at):
            yield from _below(text, element.start, parts[1:], [*way, "[]"], parents)
        return
    if text[at] != "{":
        raise _nothing(way, f"is no object but {_shown(text, at)}")
    members = _members(text, at)
    if parts[0] not in members:
        has = ", ".join(f"'{name}'" for name in list(members)[:_SHOWN]) or "no fields"
        raise _nothing(way, f"has no field '{parts[0]}'; it has {has}")
    inner = dict(parents)
    for name in parents.keys() & members.keys():
        inner[name] = text[members[name].start : members[name].end]
    yield from _below(text, members[parts[0]].start, parts[1:], [*way, parts[0]], inner)


def _with_parents(record: str, parents: Mapping[str, str | None]) -> str:
    """The record with the fields of the objects around it in front, if it is an object."""
    found = [f"{json.dumps(parent_key(name))}: {value}" for name, value in parents.items() if value]
    if not found or not record.startswith("{"):
        return record
    rest = record[1:].lstrip(_BLANKS)
    return "{" + ", ".join(found) + ("" if rest.startswith("}") else ", ") + rest


def _members(text: str, at: int) -> dict[str, Span]:
    """The members of the object that begins at `at`."""
    members: dict[str, Span] = {}
    at = _next(text, at + 1)
    while text[at : at + 1] != "}":
        if text[at : at + 1] != '"':
            raise _broken(text, at)
        key, end = _value(text, at)
        at = _next(text, end)
        if text[at : at + 1] != ":":
            raise _broken(text, at)
        start = _next(text, at + 1)
        members[key] = Span(start, _end(text, start))
        at = _behind_comma(text, members[key].end, "}")
    return members


def _elements(text: str, at: int) -> Iterator[Span]:
    """The elements of the list that begins at `at`."""
    at = _next(text, at + 1)
    while text[at : at + 1] != "]":
        element = Span(at, _end(text, at))
        yield element
        at = _behind_comma(text, element.end, "]")


def _behind_comma(text: str, at: int, closing: str) -> int:
    at = _next(text, at)
    if text[at : at + 1] == ",":
        return _next(text, at + 1)
    if text[at : at + 1] != closing:
        raise _broken(text, at)
    return at


def _end(text: str, at: int) -> int:
    """The end of the value that begins at `at`."""
    return _value(text, at)[1]


def _value(text: str, at: int) -> tuple[Any, int]:
    """The value that begins at `at`, and its end."""
    try:
        return _SCAN(text, at)
    except json.JSONDecodeError as error:
        # Of a text without an end, the position is that of its beginning.
        place = len(text) if error.msg.startswith("Unterminated") else error.pos
        raise _broken(text, place) from error
    except RecursionError as error:
        raise UnreadableFileError("It is JSON nested too deep to be read.") from error


def _next(text: str, at: int) -> int:
    """Where the next character that is not blank stands, or the text's end."""
    while at < len(text) and text[at] in _BLANKS:
        at += 1
    return at


def _broken(text: str, at: int) -> UnreadableFileError:
    line = text.count("\n", 0, at) + 1
    where = (
        "its end"
        if at >= len(text)
        else f"line {line}, character {at - text.rfind(chr(10), 0, at)}"
    )
    return UnreadableFileError(f"It stops being JSON at {where}; is it cut?")


def _nothing(way: list[str], problem: str) -> UnreadableFileError:
    place = ".".join(way).replace(".[]", "[]") or "the document"
    return UnreadableFileError(f"Its records are not where they should be: {place} {problem}.")


def _shown(text: str, at: int) -> str:
    return repr(text[at : at + 60])
