"""The catalogue of planted defects, and how each one spoils a line."""

import html
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from demo.vocabulary import Language

Record = dict[str, Any]
"""A review as JSON has it."""

_FIFTEEN_YEARS_MS: Final = 15 * 365 * 86_400_000
_encode: Final = json.JSONEncoder(ensure_ascii=False).encode


class Outcome(StrEnum):
    """What a correct pipeline makes of a line."""

    REJECTED = "rejected"
    QUARANTINED = "quarantined"
    DUPLICATE = "duplicate"
    CLEAN = "clean"


@dataclass(frozen=True)
class Defect:
    """A kind of defect: the share of lines that carry it, and what becomes of them.

    `rule` names the quarantine rule that catches it; `spoil` turns the record into the spoiled
    line, given the language and a number that selects among variants. Copies of other lines have
    no `spoil`: they are made where the other lines are at hand.
    """

    name: str
    rate: float
    outcome: Outcome
    rule: str | None = None
    spoil: Callable[[Record, Language, int], str] | None = field(default=None, repr=False)


def line_of(record: Record) -> str:
    """The record as one line of JSON, without the newline.

    >>> line_of({"text": "así"})
    '{"text": "así"}'
    """
    return _encode(record)


def mojibake(text: str) -> str:
    """The text with its UTF-8 bytes misread as Windows-1252, or as Latin-1 where that has no sign.

    >>> mojibake("café")
    'cafÃ©'
    """
    encoded = text.encode()
    try:
        return encoded.decode("cp1252")
    except UnicodeDecodeError:
        return encoded.decode("latin-1")


def _setting(**values: object) -> Callable[[Record, Language, int], str]:
    return lambda record, _language, _variant: line_of(record | values)


def _without_user(record: Record, _language: Language, _variant: int) -> str:
    return line_of({key: value for key, value in record.items() if key != "user_id"})


def _in_the_future(record: Record, _language: Language, _variant: int) -> str:
    return line_of(record | {"timestamp": record["timestamp"] + _FIFTEEN_YEARS_MS})


def _truncated(record: Record, _language: Language, variant: int) -> str:
    line = line_of(record)
    return line[: 10 + variant % (len(line) - 20)].rstrip()


def _plain_text(record: Record, _language: Language, _variant: int) -> str:
    return f"{record['user_id']} wrote on {record['timestamp']}: see attachment"


def _array(record: Record, _language: Language, _variant: int) -> str:
    return _encode(list(record.values()))


def _with_entities(record: Record, language: Language, variant: int) -> str:
    quoted = language.quoted.format(who=language.who[variant % len(language.who)])
    text = f"{record['text']} {quoted[0].upper()}{quoted[1:]}"
    # Amazon's exports write decimal references, where html.escape writes &quot; and &#x27;.
    escaped = html.escape(text).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
    return line_of(record | {"text": escaped})


def _with_mojibake(record: Record, language: Language, _variant: int) -> str:
    return line_of(record | {"text": mojibake(f"{record['text']} {language.accented}")})


def _quarantined(
    name: str, rate: float, rule: str, spoil: Callable[[Record, Language, int], str]
) -> Defect:
    return Defect(name, rate, Outcome.QUARANTINED, rule, spoil)


EXACT_DUPLICATE: Final = Defect("exact_duplicate", 0.015, Outcome.DUPLICATE)
NEAR_DUPLICATE: Final = Defect("near_duplicate", 0.015, Outcome.CLEAN)
HTML_ENTITIES: Final = Defect("html_entities", 0.02, Outcome.CLEAN, spoil=_with_entities)
MOJIBAKE: Final = Defect("mojibake", 0.02, Outcome.CLEAN, spoil=_with_mojibake)

DEFECTS: Final = (
    Defect("json_truncated", 0.002, Outcome.REJECTED, spoil=_truncated),
    Defect("json_plain_text", 0.001, Outcome.REJECTED, spoil=_plain_text),
    Defect("json_array", 0.001, Outcome.REJECTED, spoil=_array),
    _quarantined("rating_word", 0.001, "rating_not_a_number", _setting(rating="five")),
    _quarantined("rating_zero", 0.001, "rating_out_of_range", _setting(rating=0.0)),
    _quarantined("rating_six", 0.0005, "rating_out_of_range", _setting(rating=6.0)),
    _quarantined("rating_negative", 0.0005, "rating_out_of_range", _setting(rating=-1.0)),
    _quarantined("rating_fraction", 0.001, "rating_out_of_range", _setting(rating=4.5)),
    _quarantined("timestamp_word", 0.001, "timestamp_invalid", _setting(timestamp="yesterday")),
    _quarantined("timestamp_null", 0.0005, "timestamp_invalid", _setting(timestamp=None)),
    _quarantined("timestamp_future", 0.001, "timestamp_in_future", _in_the_future),
    _quarantined("text_null", 0.002, "text_missing", _setting(text=None)),
    _quarantined("text_empty", 0.002, "text_missing", _setting(text="")),
    _quarantined("text_blank", 0.001, "text_missing", _setting(text=" \t ")),
    _quarantined("user_null", 0.001, "user_missing", _setting(user_id=None)),
    _quarantined("user_blank", 0.0005, "user_missing", _setting(user_id=" ")),
    _quarantined("user_absent", 0.001, "user_missing", _without_user),
    _quarantined("product_null", 0.001, "product_missing", _setting(asin=None, parent_asin="")),
    _quarantined("votes_word", 0.001, "helpful_vote_invalid", _setting(helpful_vote="many")),
    _quarantined("votes_negative", 0.0005, "helpful_vote_invalid", _setting(helpful_vote=-3)),
    _quarantined(
        "verified_word", 0.001, "verified_purchase_invalid", _setting(verified_purchase="maybe")
    ),
    EXACT_DUPLICATE,
    NEAR_DUPLICATE,
    HTML_ENTITIES,
    MOJIBAKE,
)
