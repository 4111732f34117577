"""Cleaning of free text: entities, mojibake, line ends, control characters."""

import html
import re
from html.entities import html5
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

# Only references that end in a semicolon: HTML itself would read "rock&parades" as "rock¶des".
_ENTITY = re.compile(r"&(?:#[0-9]{1,8}|#[xX][0-9a-fA-F]{1,8}|[A-Za-z][A-Za-z0-9]{1,31});")
# Exports are often escaped twice ("&amp;#34;"); text that needs a third pass speaks about HTML.
_ENTITY_PASSES = 2
_LINE_END = re.compile("\r\n|[\r\x85\u2028\u2029]")
# All of Unicode's control characters but tab and line feed, and the byte order mark.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff]")
# ftfy takes 100 µs to find nothing in a Spanish review. Everything that it calls mojibake has two
# non-ASCII characters in a row, a control character, or one of these letters.
_MOJIBAKE = "[^\x00-\x7f]{2}|[\x80-\x9fÂÃŒœ]"
# What the functions below could change, for RE2.
_SUSPECT = rf"&|[^\P{{C}}\t\n]|[\x{{2028}}\x{{2029}}]|{_MOJIBAKE}|\A[\s\pZ]|[\s\pZ]\z"


def clean_text(text: str | None) -> str | None:
    r"""The text as its author meant it; None stays None, a blank text becomes "".

    HTML entities are decoded (at most twice), mojibake is repaired, line ends become "\n", control
    characters and surrounding white space go. Quotes, widths and spellings stay as they are.

    >>> clean_text(" It&#39;s a &quot;cafÃ©&quot;\r\nin M&amp;#225;laga\x00 ")
    'It\'s a "café"\nin Málaga'
    >>> clean_text("R&D, AT&T &unknown; “curly”")
    'R&D, AT&T &unknown; “curly”'
    >>> clean_text(None) is None
    True
    """
    if text is None:
        return None
    if "&" in text:
        text = _decoded(text)
    if re.search(_MOJIBAKE, text):
        text = _without_mojibake(text)
    return _CONTROL.sub("", _LINE_END.sub("\n", text)).strip()


def clean_texts(texts: "pa.Array | pa.ChunkedArray") -> "pa.Array":
    """`clean_text` of each element: strings in, strings out, same length, nulls stay null.

    Text that nothing could change is found in one vectorised pass and is not touched.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    array = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    suspect = pc.fill_null(pc.match_substring_regex(array, _SUSPECT), False)
    if not pc.any(suspect).as_py():
        return array
    cleaned = [clean_text(text) for text in array.filter(suspect).to_pylist()]
    return pc.replace_with_mask(array, suspect, pa.array(cleaned, type=array.type))


def _decoded(text: str) -> str:
    for _ in range(_ENTITY_PASSES):
        decoded = _ENTITY.sub(_character, text)
        if decoded == text:
            break
        text = decoded
    return text


def _character(entity: re.Match[str]) -> str:
    reference = entity.group()
    if reference.startswith("&#"):
        return html.unescape(reference)
    return html5.get(reference[1:], reference)


def _without_mojibake(text: str) -> str:
    import ftfy

    # Only this of ftfy's repairs: the others restyle quotes, widths and ligatures.
    return str(ftfy.fix_encoding(text))
