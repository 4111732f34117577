import re

import numpy as np

from demo.products import catalogue, scrambled, user_ids


def test_user_ids_are_all_different():
    ids = user_ids(50_000).tolist()
    assert len(set(ids)) == 50_000
    assert all(re.fullmatch(r"A[0-9A-F]{16}", name) for name in ids[:100])


def test_nobody_has_an_id_where_there_are_no_users():
    assert len(user_ids(0)) == 0


def test_products_are_different_and_belong_to_a_product_of_their_line():
    products = catalogue()
    assert len(set(products.asins.ravel())) == products.asins.size
    for asins, parents in zip(products.asins, products.parent_asins, strict=True):
        assert set(parents) < set(asins)


def test_popularity_is_cumulative_and_ends_at_one():
    popularity = catalogue().popularity
    assert (np.diff(popularity) > 0).all()
    assert abs(popularity[-1] - 1) < 1e-9


def test_scrambling_follows_the_published_splitmix64_sequence():
    # First outputs of SplitMix64 seeded with 0: the state grows by the golden gamma each step.
    golden = 0x9E3779B97F4A7C15
    states = np.array([0, golden], dtype=np.uint64)
    assert [f"{value:X}" for value in scrambled(states)] == ["E220A8397B1DCDAF", "6E789E6AA1B965F4"]
