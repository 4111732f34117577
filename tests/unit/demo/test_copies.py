from hypothesis import given, settings
from hypothesis import strategies as st

from demo.copies import edited, near_duplicate
from demo.phrases import LANGUAGES, NEUTRAL, Form, pool_of

SENTENCES = {
    language.code: [
        sentence
        for grade in range(NEUTRAL, 6)
        for sentence in pool_of(language, "kettle", Form.SENTENCE, grade)
    ]
    for language in LANGUAGES
}


@settings(deadline=None)
@given(
    language=st.sampled_from(LANGUAGES),
    data=st.data(),
    variant=st.integers(0, 2**31),
)
def test_an_edited_text_differs_by_a_word_or_the_punctuation(language, data, variant):
    picked = st.lists(st.sampled_from(SENTENCES[language.code]), min_size=2, max_size=6)
    text = " ".join(data.draw(picked))
    copy = edited(text, language, variant)
    assert copy != text
    before, after = set(text.lower().split()), set(copy.lower().split())
    assert len(before ^ after) <= 4


def test_a_filler_that_stands_in_the_text_is_not_replaced_by_itself():
    english = LANGUAGES[0]
    for variant in range(2, 40, 4):
        assert edited("it works well for me", english, variant) != "it works well for me"


ORIGINAL = {"text": "I love it. So do you.", "user_id": "A", "timestamp": 1, "rating": 5.0}
OWN = {"text": "Bad.", "user_id": "B", "timestamp": 2, "rating": 1.0}


def test_a_near_duplicate_keeps_the_review_and_takes_the_time_of_its_own_line():
    copy = near_duplicate(
        ORIGINAL | {"helpful_vote": 7}, OWN | {"helpful_vote": 0}, LANGUAGES[0], 0
    )
    assert (copy["rating"], copy["timestamp"], copy["helpful_vote"]) == (5.0, 2, 0)
    assert copy["text"] == "Well, i love it. So do you."


def test_a_near_duplicate_is_posted_by_the_same_author_or_by_another():
    originals = (ORIGINAL | {"helpful_vote": 0}, OWN | {"helpful_vote": 0})
    authors = [near_duplicate(*originals, LANGUAGES[0], variant)["user_id"] for variant in (0, 1)]
    assert authors == ["B", "A"]
