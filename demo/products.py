"""The catalogue of demo products and the identifiers of products and users."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from demo.vocabulary import LINES

_PRODUCTS_PER_LINE: Final = 24


@dataclass(frozen=True)
class Catalogue:
    """Products of each line: `asins[line, rank]` belongs to `parent_asins[line, rank]`.

    `popularity` holds the cumulative shares of the ranks, the same in each line.
    """

    asins: npt.NDArray[np.object_]
    parent_asins: npt.NDArray[np.object_]
    popularity: npt.NDArray[np.float64]


def scrambled(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """64-bit numbers that look random; different numbers stay different.

    The finalizer of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
    generators", OOPSLA 2014) is a bijection, so identifiers made of it never collide.

    >>> f"{scrambled(np.array([0], dtype=np.uint64))[0]:X}"
    'E220A8397B1DCDAF'
    """
    mixed = numbers + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def user_ids(count: int) -> npt.NDArray[np.object_]:
    """Identifiers of `count` reviewers, all different.

    >>> user_ids(1)
    array(['AE220A8397B1DCDAF'], dtype=object)
    """
    numbers = scrambled(np.arange(count, dtype=np.uint64))
    return np.array([f"A{number:016X}" for number in numbers.tolist()], dtype=object)


@lru_cache(maxsize=1)
def catalogue() -> Catalogue:
    """All products: every third one is a variant (another colour) of the product before it."""
    shape = (len(LINES), _PRODUCTS_PER_LINE)
    asins = np.empty(shape, dtype=object)
    parents = np.empty(shape, dtype=object)
    for line, rank in np.ndindex(shape):
        asins[line, rank] = _asin(line, rank)
        parents[line, rank] = _asin(line, rank - 1 if rank % 3 == 2 else rank)
    weights = 1 / np.arange(1, _PRODUCTS_PER_LINE + 1) ** 0.7
    return Catalogue(asins, parents, np.cumsum(weights / weights.sum()))


def _asin(line: int, rank: int) -> str:
    # Line and rank stand in the last digits, so that cutting the scrambled part cannot collide.
    number = int(scrambled(np.array([line * 1000 + rank], dtype=np.uint64))[0])
    return f"B0{number >> 44:05X}{line}{rank:02d}"
