"""JSON documents: each element of a top-level array, or each top-level value, is a record."""

import codecs
import json
import re
from collections.abc import Iterable, Iterator

from lakehouse.landing.json_rows import stage_json
from lakehouse.landing.limits import RECORD_LIMIT, mebibytes
from lakehouse.landing.staging import RejectedLine, Staging

_CHUNK = 32 << 20
_BLANKS = re.compile(r"[ \t\r\n]*")
_STRING_OR_BRACKET = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|"|[\[{\]}]', re.DOTALL)


class BrokenDocumentError(Exception):
    """The text stops being JSON; carries what stands from there on, cut."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(reason)
        self.text = text
        self.reason = reason


def stage_json_document(
    staging: Staging, blocks: Iterable[bytes], *, columns: tuple[str, ...], encoding: str
) -> None:
    """Stages the document's records, numbered from 1.

    What stands before a broken place is kept; from there on the text is one rejected record,
    because nothing tells where the next one begins.

    Args:
        staging: Where to.
        blocks: The text in UTF-8.
        columns: The declared columns.
        encoding: The file's own encoding, named where a record is not valid in it.
    """
    texts: list[bytes] = []
    size = done = 0
    try:
        for text in json_values(blocks):
            texts.append(text.encode("utf-8", "surrogateescape"))
            size += len(text)
            if size >= _CHUNK:
                done += _stage(staging, texts, done, columns=columns, encoding=encoding)
                texts, size = [], 0
    except BrokenDocumentError as broken:
        number = done + len(texts) + 1
        staging.reject([RejectedLine(number, broken.text, broken.reason)])
    _stage(staging, texts, done, columns=columns, encoding=encoding)


def _stage(
    staging: Staging, texts: list[bytes], done: int, *, columns: tuple[str, ...], encoding: str
) -> int:
    import pyarrow as pa

    if texts:
        numbers = pa.array(range(done + 1, done + len(texts) + 1), pa.int64())
        array = pa.array(texts, pa.large_binary())
        stage_json(staging, array, numbers, columns=columns, encoding=encoding)
    return len(texts)


def json_values(blocks: Iterable[bytes], limit: int = RECORD_LIMIT) -> Iterator[str]:
    """The texts of the records of a JSON document: top-level values, arrays opened.

    Raises:
        BrokenDocumentError: The rest is not JSON.

    >>> list(json_values([b'[{"a": 1.10}, ', b'2]', b' {"b": []}']))
    ['{"a": 1.10}', '2', '{"b": []}']
    """
    text = _Text(blocks, limit)
    while first := text.next_character():
        if first == "[":
            text.skip()
            yield from _elements(text)
        else:
            yield text.value()


def _elements(text: "_Text") -> Iterator[str]:
    while (first := text.next_character()) != "]":
        if not first:
            raise text.broken("the document ends inside an array")
        yield text.value()
        if text.next_character() == ",":
            text.skip()
        elif text.next_character() not in ("]", ""):
            raise text.broken("no comma between the elements")
    text.skip()


class _Text:
    """The part of the text that is looked at, growing and moving on."""

    def __init__(self, blocks: Iterable[bytes], limit: int) -> None:
        self._blocks = iter(blocks)
        self._limit = limit
        self._decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
        # Numbers stay text: only where a value ends matters.
        self._scan = json.JSONDecoder(parse_float=str, parse_int=str).raw_decode
        self._part = ""
        self._at = 0

    def next_character(self) -> str:
        """The next character that is not blank; empty at the end."""
        while True:
            self._at = _end_of_blanks(self._part, self._at)
            if self._at < len(self._part):
                return self._part[self._at]
            if not self._grow():
                return ""

    def skip(self) -> None:
        self._at += 1

    def value(self) -> str:
        """The text of the JSON value that begins here."""
        while True:
            end = self._end_of_value()
            # A number at the end of the part may go on in the next block.
            if end is not None and (end < len(self._part) or not self._grow()):
                if end - self._at > self._limit:
                    raise self.broken(f"longer than {mebibytes(self._limit)}")
                value = self._part[self._at : end]
                self._at = end
                return value
            if end is None and len(self._part) - self._at > self._limit:
                raise self.broken(f"not JSON, or longer than {mebibytes(self._limit)}")
            if end is None and not self._grow():
                raise self.broken("not valid JSON from here to the end")

    def _end_of_value(self) -> int | None:
        try:
            return self._scan(self._part, self._at)[1]
        except json.JSONDecodeError:
            return None
        except RecursionError:
            return _end_of_nested(self._part, self._at)

    def _grow(self) -> bool:
        """Takes in as much again as there is, so that a long value is not scanned too often."""
        kept = self._part[self._at :]
        parts = []
        size = 0
        for block in self._blocks:
            parts.append(self._decode(block))
            size += len(parts[-1])
            if size > len(kept):
                break
        else:
            parts.append(self._decode(b"", True))
        grown = "".join(parts)
        self._part, self._at = kept + grown, 0
        return bool(grown)

    def broken(self, reason: str) -> BrokenDocumentError:
        return BrokenDocumentError(self._part[self._at : self._at + 4000], reason)


def _end_of_nested(text: str, start: int) -> int | None:
    """The end of a value nested too deep for Python's reader, by its brackets alone."""
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(text, start):
        part = match[0]
        if part == '"':
            return None
        if part in "[{":
            depth += 1
        elif part in "]}":
            depth -= 1
            if depth == 0:
                return match.end()
    return None


def _end_of_blanks(text: str, start: int) -> int:
    match = _BLANKS.match(text, start)
    return match.end() if match else start
