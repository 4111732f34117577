"""Numbers and dates out of the texts that stand for them."""

import re
from collections.abc import Sequence
from datetime import datetime

from ml_assets.spec.extraction_sections import DecimalMark

_NUMBER = re.compile(r"[-+]?\d(?:[\d.,' \u00a0\u202f]*\d)?")
_SPACES = str.maketrans("", "", "' \u00a0\u202f")


def number_of(text: str, decimal: DecimalMark = "either") -> float | None:
    """The number that the text stands for, or None.

    Points, commas, spaces and apostrophes may part thousands. Where either mark can be the
    decimals', the last one is if it stands alone and not before exactly three digits; of two kinds
    of marks the last kind is.

    >>> [number_of(text) for text in ("1,299.95", "1.299,95", "1,299", "12,5", "1 299", "few")]
    [1299.95, 1299.95, 1299.0, 12.5, 1299.0, None]
    >>> number_of("1,299", "comma"), number_of("12.345.678")
    (1.299, 12345678.0)
    """
    stripped = text.strip()
    if not _NUMBER.fullmatch(stripped):
        return None
    plain = stripped.translate(_SPACES)
    mark = {"point": ".", "comma": ","}.get(decimal) or _decimal_mark(plain)
    if plain.count(mark) > 1:
        return None
    other = "," if mark == "." else "."
    return float(plain.replace(other, "").replace(mark, "."))


def _decimal_mark(text: str) -> str:
    points, commas = text.count("."), text.count(",")
    if points and commas:
        return max(".,", key=text.rfind)
    mark = "," if commas else "."
    count = points or commas
    thousands = count > 1 or len(text.rpartition(mark)[2]) == 3
    if count and thousands:
        return "." if mark == "," else ","
    return mark


def date_of(text: str, formats: Sequence[str]) -> str | None:
    """The date (ISO 8601) that the text stands for by the first format that fits, or None.

    >>> date_of("24/12/2025", ["%Y-%m-%d", "%d/%m/%Y"]), date_of("31/02/2025", ["%d/%m/%Y"])
    ('2025-12-24', None)
    """
    for form in formats:
        try:
            # A day has no time zone.
            return datetime.strptime(text.strip(), form).date().isoformat()  # noqa: DTZ007
        except ValueError:
            continue
    return None


def number_text(number: float) -> str:
    """The number as its field's value: the shortest text that reads back as the same.

    >>> number_text(1299.0), number_text(0.1)
    ('1299', '0.1')
    """
    return str(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(number)
