"""Pairs of sets that are alike: MinHash proposes them, exact Jaccard similarity decides.

Locality-sensitive hashing by bands of MinHash values (Broder 1997; Leskovec, Rajaraman, Ullman,
"Mining of Massive Datasets", 3.4): a pair at exactly the wanted similarity becomes a candidate with
a probability of about 0.99 or more, and a more similar one almost surely. Time grows with the
number of sets, not with its square.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_RECALL_AT_SIMILARITY = 0.99
# Hash functions a set: more of them reject more candidates early, and cost time in proportion.
_MAX_HASHES = 128
_MAX_HASHES_A_BAND = 16
_ELEMENTS_A_CHUNK = 1 << 18  # 1 MB of hashes: a chunk stays in the processor's cache
_MIXER = np.uint64(0x9E3779B97F4A7C15)  # odd, bits well spread: 2^64 / golden ratio
_HALF = np.uint64(32)
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class HashedSets:
    """Sets of 32-bit hashes: `values[offsets[i]:offsets[i + 1]]` are those of set i.

    No set is empty and no value stands twice in one. Jaccard similarities are exact up to two
    elements of one pair that share a hash, which is less likely than 1e-5 for sets of a hundred.
    """

    values: NDArray[np.uint32]
    offsets: NDArray[np.int64]

    @classmethod
    def of(
        cls, owner: NDArray[np.int64], elements: NDArray[np.uint64], *, count: int
    ) -> "HashedSets":
        """Sets 0 to `count` - 1 from (owner, element) pairs in any order, repeats allowed."""
        hashed = _mixed(elements) >> _HALF
        tagged = np.sort((owner.astype(np.uint64) << _HALF) | hashed)
        tagged = tagged[_differs_from_last(tagged)]
        sizes = np.bincount((tagged >> _HALF).astype(np.int64), minlength=count)
        return cls(tagged.astype(np.uint32), np.concatenate([[0], np.cumsum(sizes)]))

    @classmethod
    def joined(cls, parts: Sequence["HashedSets"]) -> "HashedSets":
        """The sets of all parts, one after the other."""
        values = [np.empty(0, np.uint32), *(part.values for part in parts)]
        sizes = [np.zeros(1, np.int64), *(part.sizes for part in parts)]
        return cls(np.concatenate(values), np.cumsum(np.concatenate(sizes)))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def sizes(self) -> NDArray[np.int64]:
        """The number of elements of each set."""
        return np.diff(self.offsets)


def similar_pairs(sets: HashedSets, *, similarity: float, seed: int) -> NDArray[np.int64]:
    """Pairs (m, 2) of sets, low index first, whose Jaccard similarity is `similarity` or more.

    Not all such pairs: where many sets are alike, enough of them to connect these.

    Args:
        sets: The sets, in an order that depends on their content where the result has to.
        similarity: From 0.1 to 1.
        seed: Of the hash functions.

    >>> sets = HashedSets(np.array([1, 2, 3, 7, 8, 1, 2, 3], np.uint32), np.array([0, 3, 5, 8]))
    >>> similar_pairs(sets, similarity=0.8, seed=1).tolist()
    [[0, 2]]
    """
    pairs = _candidates(sets, similarity=similarity, seed=seed)
    total = sets.sizes[pairs].sum(axis=1)
    offsets = np.concatenate([[0], np.cumsum(total)])
    proved = np.zeros(len(pairs), bool)
    for start, stop in _chunks(offsets):
        shared = _shared(sets, pairs[start:stop])
        union = total[start:stop] - shared
        proved[start:stop] = shared >= similarity * union - _ROUNDING
    return pairs[proved]


def banding(similarity: float) -> tuple[int, int]:
    """Hashes a band and bands: the most selective ones that keep the recall within the budget.

    A pair of Jaccard similarity s shares a band of r hashes with probability s^r.

    >>> banding(0.8)
    (6, 16)
    """
    best = (1, 1)
    for hashes in range(1, _MAX_HASHES_A_BAND + 1):
        missed = 1.0 - similarity**hashes
        bands = math.ceil(math.log(1.0 - _RECALL_AT_SIMILARITY) / math.log(missed)) if missed else 1
        if hashes * bands <= _MAX_HASHES:
            best = (hashes, bands)
    return best


def _candidates(sets: HashedSets, *, similarity: float, seed: int) -> NDArray[np.int64]:
    """Pairs that share a band and whose sizes allow the similarity, each once."""
    keys = _band_keys(sets, similarity=similarity, seed=seed)
    sizes = sets.sizes
    found = [np.empty(0, np.int64)]
    for band, key in enumerate(keys):
        left, right = _links(key, keys[band - 1])
        smaller = np.minimum(sizes[left], sizes[right])
        larger = np.maximum(sizes[left], sizes[right])
        possible = smaller >= similarity * larger - _ROUNDING
        low, high = np.minimum(left, right)[possible], np.maximum(left, right)[possible]
        found.append(low * len(sets) + high)
    code = np.sort(np.concatenate(found))
    code = code[_differs_from_last(code)]
    return np.stack(np.divmod(code, max(len(sets), 1)), axis=1)


def _band_keys(sets: HashedSets, *, similarity: float, seed: int) -> NDArray[np.uint64]:
    """One key a band and set, (bands + 1, sets): alike sets have equal keys in some band.

    The last band is a hash of the whole set, so that equal sets are linked for certain.
    """
    hashes, bands = banding(similarity)
    random = np.random.default_rng(seed)
    multiplier = random.integers(0, 2**32, size=(bands, hashes), dtype=np.uint32) | np.uint32(1)
    keys = np.zeros((bands + 1, len(sets)), np.uint64)
    for start, stop in _chunks(sets.offsets):
        first = sets.offsets[start]
        values = sets.values[first : sets.offsets[stop]]
        starts = sets.offsets[start:stop] - first
        keys[bands, start:stop] = np.add.reduceat(_mixed(values.astype(np.uint64)), starts)
        for band, factors in enumerate(multiplier):
            key = keys[band, start:stop]
            for factor in factors:
                key += np.minimum.reduceat(values * factor, starts)
                key *= _MIXER
                key ^= key >> np.uint64(31)
    return keys


def _links(
    key: NDArray[np.uint64], other: NDArray[np.uint64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Links between sets of equal `key`, at most two a set.

    All pairs of a bucket would be too many: boilerplate makes buckets of thousands. Each set is
    linked to its predecessor and to the first of its run, in an order by the key of another band,
    which puts the alike ones of a big bucket side by side.
    """
    order = np.argsort(key, kind="stable")
    starts = _differs_from_last(key[order])
    alone = starts & np.concatenate([starts[1:], [True]])
    crowd = order[~alone]
    crowd = crowd[np.lexsort((crowd, other[crowd], key[crowd]))]
    bucket_starts = _differs_from_last(key[crowd])
    run_starts = bucket_starts | _differs_from_last(other[crowd])
    position = np.arange(len(crowd))
    head = np.maximum.accumulate(np.where(run_starts, position, 0))
    follower = np.flatnonzero(~bucket_starts)
    distant = np.flatnonzero(head < position - 1)
    left = np.concatenate([crowd[follower - 1], crowd[head[distant]]])
    return left, np.concatenate([crowd[follower], crowd[distant]])


def _shared(sets: HashedSets, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many elements each pair has in common."""
    member = pairs.ravel()
    size = sets.sizes[member]
    shift = np.repeat(sets.offsets[member] - np.cumsum(size) + size, size)
    value = sets.values[shift + np.arange(len(shift))].astype(np.uint64)
    pair = np.repeat(np.arange(len(member), dtype=np.uint64) >> np.uint64(1), size)
    tagged = np.sort((pair << _HALF) | value)
    twice = tagged[~_differs_from_last(tagged)] >> _HALF
    return np.bincount(twice.astype(np.int64), minlength=len(pairs))


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Values spread over all 64 bits: the finaliser of splitmix64 (Steele, Lea, Flood 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _differs_from_last(values: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Whether each value differs from the one before it; the first does."""
    differs = np.ones(len(values), bool)
    np.not_equal(values[1:], values[:-1], out=differs[1:])
    return differs


def _chunks(offsets: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Consecutive ranges of items with up to a chunk's elements each, one item at least."""
    start, last = 0, len(offsets) - 1
    while start < last:
        full = int(np.searchsorted(offsets, offsets[start] + _ELEMENTS_A_CHUNK, side="right")) - 1
        stop = max(full, start + 1)
        yield start, stop
        start = stop
