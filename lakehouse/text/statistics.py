"""Counts of what a text consists of, for numeric features.

One pass over the code points of a whole batch counts at 60,000 to 150,000 reviews a second; the
regular expressions that say the same in SQL manage 3,000.
"""

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pyarrow as pa

STATISTICS = (
    *("characters", "words", "letters", "uppercase_letters", "digits"),
    *("exclamation_marks", "question_marks"),
)
_UPPERCASE, _LETTER, _DIGIT, _SPACE, _EXCLAMATION, _QUESTION = (1 << bit for bit in range(6))
# The first code point above all that Unicode has assigned to letters, digits or spaces.
_TABLE_END = 0x33480


def text_statistics(text: str | None) -> dict[str, int] | None:
    """The `STATISTICS` of a text; None for None.

    Characters are Unicode code points; letters, upper case and decimal digits are Unicode's; words
    are what white space separates.

    >>> text_statistics("WOW! Isn't it 24 €?")
    {'characters': 19, 'words': 5, 'letters': 9, 'uppercase_letters': 4, 'digits': 2, \
'exclamation_marks': 1, 'question_marks': 1}
    """
    if text is None:
        return None
    import pyarrow as pa

    found: dict[str, int] = texts_statistics(pa.array([text]))[0].as_py()
    return found


def texts_statistics(texts: "pa.Array | pa.ChunkedArray") -> "pa.StructArray":
    """`text_statistics` of each element: structs of 32-bit integers, same length, nulls null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    array = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    lengths = pc.fill_null(pc.utf8_length(array), 0).to_numpy(zero_copy_only=False)
    joined = "".join(text for text in array.to_pylist() if text is not None)
    code_points = np.frombuffer(joined.encode("utf-32-le", errors="surrogatepass"), np.uint32)
    counts = _counts(_classes()[np.minimum(code_points, _TABLE_END)], lengths)
    return pa.StructArray.from_arrays(
        [pa.array(counts[name], pa.int32()) for name in STATISTICS],
        names=list(STATISTICS),
        mask=pc.is_null(array),
    )


def _counts(
    classes: npt.NDArray[np.uint8], lengths: npt.NDArray[np.int32]
) -> dict[str, npt.NDArray[np.int64]]:
    """The counts of each text, from the classes of all their characters one after the other."""
    ends = np.cumsum(lengths, dtype=np.int64)
    starts = ends - lengths

    def per_text(marks: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        running = np.concatenate([[0], np.cumsum(marks)])
        counts: npt.NDArray[np.int64] = running[ends] - running[starts]
        return counts

    space = (classes & _SPACE) > 0
    begins_word = ~space
    begins_word[1:] &= space[:-1]
    # A text's first character begins a word whatever the text before it ended in.
    first = starts[lengths > 0]
    begins_word[first] = ~space[first]
    return {
        "characters": lengths.astype(np.int64),
        "words": per_text(begins_word),
        "letters": per_text((classes & _LETTER) > 0),
        "uppercase_letters": per_text((classes & _UPPERCASE) > 0),
        "digits": per_text((classes & _DIGIT) > 0),
        "exclamation_marks": per_text((classes & _EXCLAMATION) > 0),
        "question_marks": per_text((classes & _QUESTION) > 0),
    }


@cache
def _classes() -> npt.NDArray[np.uint8]:
    """What each code point is, as bits; the last entry stands for all from `_TABLE_END` on."""
    characters = np.arange(_TABLE_END + 1, dtype=np.uint32).view("U1")
    letter = np.strings.isalpha(characters)
    table = (
        _LETTER * letter
        # Circled letters and Roman numerals are upper case as well, but no letters.
        | _UPPERCASE * (letter & np.strings.isupper(characters))
        | _DIGIT * np.strings.isdecimal(characters)
        | _SPACE * np.strings.isspace(characters)
    ).astype(np.uint8)
    table[ord("!")] |= _EXCLAMATION
    table[ord("?")] |= _QUESTION
    return table
