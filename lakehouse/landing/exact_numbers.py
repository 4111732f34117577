"""Keeps the digits of JSON numbers as they stand in the file.

DuckDB's JSON reader takes fractions as doubles and prints those: 1.10 comes out as 1.1. Where a
text may hold a number that would not survive this, all its numbers are turned into marked strings
before it is read, and the mark is taken off the values afterwards.
"""

import re
import secrets

from lakehouse.quoting import quote_literal

# Numbers that a double does not print back: an exponent, a last zero behind the point (".0" alone
# is what a double prints), more digits than a double holds, very small ones, and -0. It also
# matches inside strings, which costs time but changes nothing.
_INEXACT = (
    r"[:,\[\s]-?(?:[0-9]+(?:\.[0-9]+)?[eE]|[0-9]+\.[0-9]+0(?:[^0-9]|$)|[0-9]{8,}\.[0-9]"
    r"|[0-9]+\.[0-9]{8}|0\.000)|-0(?:[^.0-9]|$)"
)
# A string that is not closed reaches to the end, so that no quote is put inside of it; a number
# before a colon stands where a key should, and stays the error that it is.
_STRING_OR_NUMBER = re.compile(
    r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)'
    r"|(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)(?=\s*(?:[,\]}]|\Z))",
    re.DOTALL,
)
# Not to be guessed, so that no text can hold it.
_MARK = f"number {secrets.token_hex(8)}:"


def may_be_inexact(text: str) -> str:
    """SQL that tells whether a JSON text may hold a number that DuckDB prints in another way."""
    return f"regexp_matches({text}, {quote_literal(_INEXACT)})"


def with_marked_numbers(text: str) -> str:
    """The JSON text with each number as a marked string; invalid JSON stays invalid."""
    return _STRING_OR_NUMBER.sub(
        lambda match: match[0] if match[1] is None else f'"{_MARK}{match[1]}"', text
    )


def unmarked(value: str) -> str:
    """SQL that takes the marks off a value: a number alone, or numbers inside JSON text."""
    inside, alone = quote_literal(f'"{_MARK}([^"]*)"'), quote_literal(_MARK)
    return f"replace(regexp_replace({value}, {inside}, '\\1', 'g'), {alone}, '')"
