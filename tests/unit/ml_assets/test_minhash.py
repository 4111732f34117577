import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets import minhash
from ml_assets.minhash import HashedSets, banding, similar_pairs


def _sets(members):
    owner = np.repeat(np.arange(len(members)), [len(member) for member in members])
    elements = np.array([element for member in members for element in member], np.uint64)
    return HashedSets.of(owner, elements, count=len(members))


def _jaccard(left, right):
    return len(left & right) / len(left | right)


def _overlapping(pairs, *, shared, own):
    """Sets 0 and 1, 2 and 3 ... share elements; no others do."""
    members, fresh = [], iter(range(10**9))
    for _ in range(pairs):
        common = {next(fresh) for _ in range(shared)}
        members += [common | {next(fresh) for _ in range(own)} for _ in range(2)]
    return members


def test_sets_hold_each_element_once_in_whatever_order_they_come():
    sets = HashedSets.of(np.array([1, 0, 1, 1, 0]), np.array([5, 9, 5, 6, 9], np.uint64), count=3)

    assert len(sets) == 3
    assert sets.sizes.tolist() == [1, 2, 0]


def test_joined_parts_are_the_sets_one_after_the_other():
    members = [{1, 2}, {3}, {4, 5, 6}]
    whole = _sets(members)

    joined = HashedSets.joined([_sets(members[:2]), _sets(members[2:])])

    assert joined.values.tolist() == whole.values.tolist()
    assert joined.offsets.tolist() == whole.offsets.tolist()
    assert len(HashedSets.joined([])) == 0


@pytest.mark.parametrize("members", [[], [{1, 2, 3}]])
def test_fewer_than_two_sets_make_no_pair(members):
    assert similar_pairs(_sets(members), similarity=0.8, seed=1).shape == (0, 2)


@given(
    st.lists(st.sets(st.integers(0, 12), min_size=1, max_size=8), min_size=2, max_size=25),
    st.sampled_from([0.3, 0.5, 0.8, 1.0]),
)
def test_every_pair_returned_is_as_similar_as_asked_and_stands_once(members, similarity):
    pairs = similar_pairs(_sets(members), similarity=similarity, seed=3)

    assert len({tuple(pair) for pair in pairs.tolist()}) == len(pairs)
    for low, high in pairs.tolist():
        assert low < high
        assert _jaccard(members[low], members[high]) >= similarity - 1e-9


@given(st.lists(st.sets(st.integers(0, 6), min_size=1), min_size=2, max_size=20))
def test_equal_sets_are_always_connected(members):
    pairs = similar_pairs(_sets(members), similarity=0.9, seed=3).tolist()

    root = list(range(len(members)))
    for low, high in sorted(pairs):
        root = [root[low] if name == root[high] else name for name in root]
    for low in range(len(members)):
        for high in range(low):
            if members[low] == members[high]:
                assert root[low] == root[high]


@pytest.mark.parametrize(
    ("similarity", "shared", "own"),
    # The Jaccard similarity is exactly the limit: shared / (shared + 2 own).
    [(0.8, 16, 2), (0.8, 80, 10), (0.5, 20, 10), (0.9, 18, 1)],
)
def test_pairs_at_the_limit_are_found_with_the_promised_probability(similarity, shared, own):
    members = _overlapping(1500, shared=shared, own=own)

    pairs = similar_pairs(_sets(members), similarity=similarity, seed=5)

    assert {(low % 2, high - low) for low, high in pairs.tolist()} == {(0, 1)}
    assert len(pairs) / 1500 >= 0.98


def test_a_pair_a_little_more_similar_is_found_almost_surely():
    members = _overlapping(2000, shared=18, own=1)  # Jaccard 0.9

    assert len(similar_pairs(_sets(members), similarity=0.8, seed=6)) == 2000


def test_pairs_within_a_crowd_of_half_similar_sets_are_found():
    """Boilerplate of 20 elements in 3,000 sets, which fall into common buckets in many bands."""
    boilerplate = set(range(20))
    members = [
        {element + 100 for element in member} | boilerplate
        for member in _overlapping(1500, shared=18, own=2)
    ]

    pairs = similar_pairs(_sets(members), similarity=0.8, seed=7).tolist()

    assert len([pair for pair in pairs if pair[1] - pair[0] == 1 and pair[0] % 2 == 0]) >= 1470


def test_a_crowd_of_equal_sets_gives_links_in_proportion_not_in_square():
    members = [{1, 2, 3}] * 3000

    pairs = similar_pairs(_sets(members), similarity=0.8, seed=8)

    assert 2999 <= len(pairs) <= 2 * 3000


def test_chunks_change_nothing(monkeypatch):
    members = _overlapping(30, shared=9, own=1)
    whole = similar_pairs(_sets(members), similarity=0.8, seed=9).tolist()

    monkeypatch.setattr(minhash, "_ELEMENTS_A_CHUNK", 1)

    assert similar_pairs(_sets(members), similarity=0.8, seed=9).tolist() == whole


@given(st.floats(0.1, 1.0))
def test_bands_keep_the_recall_within_the_budget_of_hashes(similarity):
    hashes, bands = banding(similarity)

    assert 1 - (1 - similarity**hashes) ** bands >= 0.99 - 1e-9
    assert hashes * bands <= 128
