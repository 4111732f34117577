import gzip
import json
from itertools import combinations

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.errors import TidemarkError
from ml_assets import near_duplicates
from ml_assets.near_duplicates import near_duplicate_groups, normalised


def _groups(texts, **options):
    return near_duplicate_groups(texts, **({"seed": 1} | options)).tolist()


def _texts(count, words, *, seed):
    random = np.random.default_rng(seed)
    return [[f"w{place}" for place in random.integers(0, 4000, words)] for _ in range(count)]


def _changed(text, places):
    return [f"new{place}" if place in places else word for place, word in enumerate(text)]


def _shingles(text):
    words = text.split(" ")
    run = 1 if len(words) < 30 else 3
    return {tuple(words[start : start + run]) for start in range(len(words) - run + 1)}


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Great product", "great  PRODUCT!!"),
        ("It's fine", "it\u2019s fine"),
        ("Straße", "STRASSE"),
        ("café", "cafe"),
        ("cafe\u0301", "CAFÉ"),
        ("Ὀδυσσεύς", "ΟΔΥΣΣΕΥΣ"),
        ("\tgood\r\nvalue ", "good value"),
        ("ﬁne", "fine"),
        ("Love it ❤️", "love it 👍🏾"),
        ("好吃\uff01", "好吃"),
        ("!!!", "!!!"),
        ("👍", " 👍 "),
    ],
)
def test_texts_of_equal_normal_form_share_a_group(left, right):
    assert normalised([left]).to_list() == normalised([right]).to_list()
    assert _groups([left, "something else", right]) == [0, 1, 0]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("good", "goods"),
        ("12", "13"),
        ("👍", "👎"),
        ("की", "का"),  # the vowel sign makes another word
        ("don't", "dont"),
        ("good", "not good"),
    ],
)
def test_short_texts_that_differ_are_apart(left, right):
    assert _groups([left, right]) == [0, 1]


def test_null_and_blank_texts_are_groups_of_their_own():
    assert _groups([None, "", " \t\u00a0", None, "a", "a"]) == [0, 1, 2, 3, 4, 4]
    assert _groups([None]) == [0]
    assert _groups([]) == []
    assert _groups(["only one"]) == [0]


def test_scripts_without_spaces_are_compared_by_character():
    text = "这个产品非常好我很喜欢它的颜色和质量"

    assert _groups([text, text.replace("非", "不"), "完全不同的句子没有什么相同"]) == [0, 0, 1]


@pytest.mark.parametrize(
    ("words", "changes"), [(9, 1), (15, 1), (29, 1), (30, 1), (40, 1), (80, 2), (300, 5)]
)
def test_a_changed_word_in_nine_or_more_is_found(words, changes):
    texts = _texts(400, words, seed=words)
    random = np.random.default_rng(1)
    others = [
        _changed(text, random.choice(words, changes, replace=False).tolist()) for text in texts
    ]
    pairs = [(" ".join(text), " ".join(other)) for text, other in zip(texts, others, strict=True)]
    wanted = [
        len(_shingles(a) & _shingles(b)) / len(_shingles(a) | _shingles(b)) >= 0.8 - 1e-9
        for a, b in pairs
    ]

    found = near_duplicate_groups([a for a, _ in pairs] + [b for _, b in pairs], seed=2)

    together = found[:400] == found[400:]
    assert sum(wanted) > 300
    assert together[wanted].mean() >= 0.98
    assert len(np.unique(found[:400])) == 400


def test_a_word_more_or_less_is_found_across_the_change_of_method():
    """29 words are compared word by word, 30 by runs of three: the pair has both."""
    texts = [" ".join(text) for text in _texts(200, 30, seed=6)]

    found = near_duplicate_groups([*texts, *(text.rsplit(" ", 1)[0] for text in texts)], seed=3)

    assert (found[:200] == found[200:]).mean() >= 0.98


def test_texts_that_share_half_their_words_are_apart():
    texts = _texts(300, 40, seed=7)
    others = [_changed(text, range(20)) for text in texts]

    found = near_duplicate_groups([" ".join(text) for text in texts + others], seed=4)

    assert len(np.unique(found)) == 600


def test_reviews_of_one_boilerplate_are_apart():
    frame = "I bought this {} for my {} last {} and it works as described so far no problem at all"
    texts = _texts(3000, 6, seed=8)

    found = near_duplicate_groups(
        [frame.format(*(" ".join(pair) for pair in np.reshape(text, (3, 2)))) for text in texts],
        seed=5,
    )

    # 16 of 22 words are shared: a Jaccard of 16 / 28.
    assert len(np.unique(found)) >= 2990


def test_similarity_one_joins_equal_sets_only():
    texts = ["a b c d e f g h i j", "a b c d e f g h i k", "j i h g f e d c b a"]

    assert _groups(texts) == [0, 0, 0]
    assert _groups(texts, similarity=1.0) == [0, 1, 0]


@given(st.lists(st.text(alphabet="ab é\u0301!👍ß\n", max_size=8), max_size=20))
def test_equal_texts_that_are_not_blank_always_share_a_group(texts):
    doubled = texts + texts[::-1]

    found = _groups(doubled)

    for place, text in enumerate(texts):
        assert (found[place] == found[-1 - place]) == bool(text.strip())


@given(
    st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta", "Beta!"]), max_size=30),
    st.randoms(use_true_random=False),
)
def test_the_order_of_rows_does_not_change_the_groups(words, random):
    texts = [" ".join(words[start : start + 5]) for start in range(0, len(words), 2)]
    order = list(range(len(texts)))
    random.shuffle(order)

    straight, shuffled = _groups(texts), _groups([texts[place] for place in order])

    back = dict(zip(order, shuffled, strict=True))
    for left, right in combinations(range(len(texts)), 2):
        assert (straight[left] == straight[right]) == (back[left] == back[right])


def test_groups_are_numbered_by_first_appearance():
    assert _groups(["z", "a", None, "z", "m", "a"]) == [0, 1, 2, 0, 3, 1]


@pytest.mark.parametrize(
    "column",
    [
        pl.Series(["Good", None, "good!"]),
        pa.array(["Good", None, "good!"]),
        pa.chunked_array([["Good", None], ["good!"]]),
        pa.array(["Good", None, "good!"]).dictionary_encode(),
        np.array(["Good", None, "good!"], dtype=object),
    ],
    ids=["polars", "arrow", "arrow chunks", "arrow dictionary", "numpy"],
)
def test_columns_of_all_libraries_are_taken(column):
    assert _groups(column) == [0, 1, 0]


def test_a_column_of_nulls_only_is_taken():
    assert _groups(pl.Series([None, None])) == [0, 1]
    assert _groups(pa.nulls(2)) == [0, 1]


@pytest.mark.parametrize("texts", [["a", 5], [1.5], pl.Series([1, 2]), [["a"]]])
def test_values_that_are_no_texts_are_refused(texts):
    with pytest.raises(TidemarkError, match="values are none"):
        near_duplicate_groups(texts, seed=1)


def test_the_least_similarity_joins_texts_with_little_in_common():
    assert _groups(["a b c d", "d e f g", "h i j k"], similarity=0.1) == [0, 0, 1]


@pytest.mark.parametrize("similarity", [0.0, 0.09, 1.1, float("nan")])
def test_a_similarity_out_of_range_is_refused(similarity):
    with pytest.raises(TidemarkError, match="similarity"):
        near_duplicate_groups(["a"], similarity=similarity, seed=1)


def test_chunks_change_nothing(monkeypatch):
    texts = [" ".join(text) for text in _texts(40, 12, seed=9) + _texts(20, 35, seed=10)]
    texts += [text.upper() + " more" for text in texts] + ["", None]
    whole = _groups(texts)

    monkeypatch.setattr(near_duplicates, "_TEXTS_A_CHUNK", 7)

    assert _groups(texts) == whole
    assert len(set(whole)) == 62


@pytest.mark.shared_data
def test_groups_of_real_reviews_are_those_of_comparing_all_with_all(shared_data):
    with gzip.open(shared_data / "reviews" / "all_beauty" / "reviews.jsonl.gz", "rt") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    distinct = sorted({text for text in normalised(texts) if text is not None})
    sets = [_shingles(text) for text in distinct]
    alike = [
        (i, j)
        for i, j in combinations(range(len(sets)), 2)
        if 0.8 <= len(sets[i]) / len(sets[j]) <= 1.25
        and len(sets[i] & sets[j]) >= (0.8 - 1e-9) * len(sets[i] | sets[j])
    ]

    found = near_duplicate_groups(texts, seed=7)

    group = dict(zip(normalised(texts), found.tolist(), strict=True))
    together = [group[distinct[i]] == group[distinct[j]] for i, j in alike]
    assert len(distinct) < 1364
    assert len(alike) > 10
    assert np.mean(together) >= 0.98
    assert len(set(group.values())) >= len(distinct) - len(alike)
