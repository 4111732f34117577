"""Groups of texts that are equal or nearly so, so that a split can keep them on one side.

Two texts are near duplicates when the Jaccard similarity of their shingle sets reaches a limit.
Texts of thirty words and more are compared by runs of three words, shorter ones by their single
words: one changed word breaks three runs, which in a short text is more than the limit allows, so
that runs would find no near duplicate there at all. Near the thirty words texts are compared both
ways, so that the change of method hides no pair. Groups are the connected components of the pairs.
"""

import math
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lakehouse.errors import TidemarkError
from ml_assets.minhash import HashedSets, similar_pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    Texts: TypeAlias = "Sequence[str | None] | pl.Series | Any"  # Any: an Arrow array

_WORDS_A_RUN = 3
# From here on one changed word leaves runs of three at a Jaccard above 0.8: (28 - 3) / (28 + 3).
_LONG_TEXT_WORDS = 30
_TEXTS_A_CHUNK = 50_000
# Accents, and the marks that only choose how an emoji or a digit is drawn.
_DROPPED_MARKS = r"[\u0300-\u036f\u20d0-\u20ff\ufe00-\ufe0f]+"
_CHARACTER_AS_WORD = r"([\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}])"
_MIXER = np.uint64(0x9E3779B97F4A7C15)  # odd, bits well spread: 2^64 / golden ratio


def near_duplicate_groups(
    texts: "Texts", *, similarity: float = 0.8, seed: int
) -> NDArray[np.int64]:
    """The group of each row: rows of equal or nearly equal text share one.

    Equal means equal in the form of `normalised`. Null and blank texts are each a group of their
    own. Groups are numbered 0, 1, 2 ... by first appearance; which rows are together does not
    depend on the order of the rows. A pair at exactly `similarity` is found with a probability of
    about 0.99, a more similar one almost surely; none is joined on hashes alone.

    Beyond the texts themselves, memory is three to four times theirs.

    Args:
        texts: Strings or nulls: a sequence, a polars Series or an Arrow array.
        similarity: Smallest Jaccard similarity of near duplicates, 0.1 to 1.
        seed: Of the hash functions; it decides only which rare pairs at the limit are missed.

    Raises:
        TidemarkError: A text is not a string, or `similarity` is out of range.

    >>> near_duplicate_groups(["Great!", None, "great", "Awful.", None], seed=1).tolist()
    [0, 1, 0, 2, 3]
    """
    if not 0.1 <= similarity <= 1.0:
        raise TidemarkError(
            f"The similarity of near duplicates is {similarity}; it must be from 0.1 to 1.",
            hint="0.8 joins texts that differ in one word of nine.",
        )
    column = normalised(texts)
    # Ranks follow the texts' own order, so that nothing below depends on the order of the rows.
    code = column.rank("dense").cast(int).fill_null(0).to_numpy() - 1
    distinct = column.drop_nulls().unique().sort()
    del column  # a fifth of the peak: the distinct texts are what is still needed
    component = _components(distinct, similarity=similarity, seed=seed)
    alone = len(distinct) + np.arange(len(code))
    return _numbered_by_appearance(np.where(code >= 0, np.append(component, 0)[code], alone))


def normalised(texts: "Texts") -> "pl.Series":
    """The form in which texts are compared, in the order given; null for a null or blank text.

    Case is folded; compatibility forms are decomposed (NFKD) and Latin, Greek and Cyrillic accents
    dropped, but not the vowel signs of other scripts, which make other words. Everything but
    letters, marks and digits separates words, one space each. Characters of scripts that put no
    spaces between words count as a word each. A text without any letter or digit (only emoji, say)
    keeps its characters as they are.

    Raises:
        TidemarkError: A value is not a string.

    >>> normalised(["  CAFÉ,   crème!", "好吃", "👍", " "]).to_list()
    ['cafe creme', '好 吃', '👍', None]
    """
    import polars as pl

    column = _column(texts)
    raw = pl.col("text").str.strip_chars().replace("", None)
    is_ascii = raw.str.len_bytes() == raw.str.len_chars()
    unaccented = (
        pl.when(~is_ascii)  # an ASCII text has no accents, and becomes a null that costs no time
        .then(raw)
        .str.normalize("NFKD")
        .str.to_uppercase()  # to upper and back folds case: "Straße" and "STRASSE" meet
        .str.to_lowercase()
        .str.replace_all(_DROPPED_MARKS, "")
        .str.replace_all(_CHARACTER_AS_WORD, " ${1} ")
    )
    words = (
        pl.coalesce(unaccented, raw.str.to_lowercase())
        .str.replace_all(r"[^\p{L}\p{M}\p{N}]+", " ")
        .str.strip_chars(" ")
    )
    comparable = pl.when(words != "").then(words).otherwise(raw)
    slices = column.to_frame().iter_slices(_TEXTS_A_CHUNK)
    chunks = [chunk.select(comparable).to_series() for chunk in slices]
    return pl.concat(chunks) if chunks else column


def _column(texts: "Texts") -> "pl.Series":
    """The texts as a polars column."""
    import polars as pl

    try:
        column = pl.Series("text", texts, strict=True)
    except (TypeError, pl.exceptions.PolarsError) as error:
        raise _no_texts(str(error)) from error
    if column.dtype not in (pl.String, pl.Null, pl.Categorical, pl.Enum):
        raise _no_texts(f"their type is {column.dtype}")
    return column.cast(pl.String)


def _no_texts(seen: str) -> TidemarkError:
    return TidemarkError(
        f"Near duplicates are looked for in texts, and these values are none: {seen}.",
        hint="Pass strings and nulls only.",
    )


def _components(distinct: "pl.Series", *, similarity: float, seed: int) -> NDArray[np.int64]:
    """The component of each distinct text in the graph of similar pairs."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    most_words_of_a_short_text = math.ceil(_LONG_TEXT_WORDS / similarity)
    count = distinct.str.count_matches(" ", literal=True).to_numpy() + 1
    links = []
    for rows, run in (
        (np.flatnonzero(count <= most_words_of_a_short_text), 1),
        (np.flatnonzero(count >= _LONG_TEXT_WORDS), _WORDS_A_RUN),
    ):
        sets = _shingle_sets(distinct, rows, run=run, seed=seed)
        links.append(rows[similar_pairs(sets, similarity=similarity, seed=seed)])
    left, right = np.concatenate(links).T
    graph = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(len(distinct),) * 2)
    component: NDArray[np.int64] = connected_components(graph, directed=False)[1].astype(np.int64)
    return component


def _shingle_sets(
    texts: "pl.Series", rows: NDArray[np.int64], *, run: int, seed: int
) -> HashedSets:
    """The distinct runs of `run` words of the texts at `rows`, each of `run` words at least."""
    chunks = []
    for start in range(0, len(rows), _TEXTS_A_CHUNK):
        words = texts.gather(rows[start : start + _TEXTS_A_CHUNK]).str.split(" ")
        owner = np.repeat(np.arange(len(words)), words.list.len().to_numpy())
        word = words.explode().hash(seed=seed).to_numpy()
        shingle = word
        for step in range(1, run):
            shingle = shingle[:-1] * _MIXER + word[step:]
        owner_of_first, owner_of_last = owner[: len(shingle)], owner[run - 1 :]
        whole = owner_of_first == owner_of_last
        chunks.append(HashedSets.of(owner_of_last[whole], shingle[whole], count=len(words)))
    return HashedSets.joined(chunks)


def _numbered_by_appearance(label: NDArray[np.int64]) -> NDArray[np.int64]:
    """Labels renamed 0, 1, 2 ... in the order in which they first appear."""
    _, first, code = np.unique(label, return_index=True, return_inverse=True)
    name = np.empty(len(first), np.int64)
    name[np.argsort(first)] = np.arange(len(first))
    return name[code]
