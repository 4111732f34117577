"""Whether a text is JSON lines, a JSON document or CSV, and with which delimiter."""

import csv
import io
import json
from pathlib import PurePosixPath
from typing import Literal

TextFormat = Literal["jsonl", "json", "csv"]

DELIMITERS = (",", ";", "\t", "|")
_LINES_LOOKED_AT = 50
_COMPRESSION_ENDINGS = (".gz", ".gzip", ".zst", ".zstd")


def text_format(sample: str, name: str) -> TextFormat:
    """The format of a text, from its start and, where that leaves it open, from its name.

    Args:
        sample: The text's start, without a byte order mark.
        name: The file's name; an ending of a compression is looked through.

    >>> text_format('{"a": 1}', "x.json"), text_format('[{"a": 1}]', "x"), text_format("a,b", "x")
    ('jsonl', 'json', 'csv')
    """
    ending = _ending(name)
    if ending in (".csv", ".tsv"):
        return "csv"
    lines = [line for line in sample.split("\n") if line.strip()][:_LINES_LOOKED_AT]
    objects = sum(map(_is_object, lines))
    if lines and objects * 2 >= len(lines):
        return "jsonl"
    start = "".join(sample[:100].split())
    if start.startswith(("[{", "[]", "[[")) or (
        start.startswith("{") and _goes_on_below(sample, lines)
    ):
        return "json"
    if objects or ending in (".jsonl", ".ndjson"):
        return "jsonl"
    return "json" if ending == ".json" and start.startswith(("{", "[")) else "csv"


def _ending(name: str) -> str:
    path = PurePosixPath(name.lower())
    return path.with_suffix("").suffix if path.suffix in _COMPRESSION_ENDINGS else path.suffix


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _goes_on_below(sample: str, lines: list[str]) -> bool:
    """Whether an object that its first line leaves open goes on in the second."""
    if len(lines) < 2 or _is_object(lines[0]):
        return False
    try:
        json.JSONDecoder().raw_decode(sample.lstrip())
    except json.JSONDecodeError as error:
        second_line = sample.lstrip().find(lines[1].lstrip(), len(lines[0].lstrip()))
        return error.pos > second_line
    except RecursionError:
        return False
    return True


def delimiter_of(sample: str) -> str:
    r"""The delimiter that splits the sample's records most evenly; a comma if none does.

    >>> delimiter_of("a;b\n1,5;2\n"), delimiter_of("one column\n")
    (';', ',')
    """
    # The last record may be cut, unless it is the only one.
    whole = sample[: sample.rfind("\n") + 1] or sample
    return max(DELIMITERS, key=lambda delimiter: _evenness(whole, delimiter))


def _evenness(sample: str, delimiter: str) -> tuple[float, int]:
    """The share of records as wide as the first, and that width; nothing for one column."""
    records = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
    widths: list[int] = []
    try:
        for record in records:
            if record:
                widths.append(len(record))
            if len(widths) > _LINES_LOOKED_AT:
                break
    except csv.Error:
        # What stands before the broken record is enough to choose by.
        widths = widths or [1]
    if not widths or widths[0] < 2:
        return (0.0, 0)
    return (widths.count(widths[0]) / len(widths), widths[0])
