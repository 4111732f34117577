import json

import numpy as np
import pytest

from demo.composing import compose_month
from demo.drift import DRIFTED, STABLE
from demo.months import Month, months_from
from demo.products import user_ids

JULY = months_from("2025-07", 1)[0]


def compose(sentences, *, month=JULY, period=STABLE, seed=0, users=50):
    return compose_month(
        month,
        period,
        np.array(sentences, dtype=np.int64),
        users=user_ids(users),
        rng=np.random.default_rng(seed),
    )


def records_of(batch):
    return [json.loads(line) for line in batch.lines]


def test_times_are_distinct_and_within_the_month_even_when_there_is_no_room_to_spare():
    month = Month("crowded", 1_000, 1_100)
    batch = compose([2] * 100, month=month)
    assert [record["timestamp"] for record in records_of(batch)] == list(range(1_000, 1_100))


def test_reviews_stand_in_the_order_of_their_times():
    times = [record["timestamp"] for record in records_of(compose([1] * 500))]
    assert times == sorted(set(times))
    assert JULY.start_ms <= times[0] <= times[-1] < JULY.end_ms


def test_lines_are_written_as_json_dumps_would():
    for line in compose([0, 1, 2, 7] * 100).lines:
        assert json.dumps(json.loads(line), ensure_ascii=False) == line


def test_a_text_without_sentences_is_of_one_to_three_words():
    for record in records_of(compose([0] * 200)):
        assert 1 <= len(record["text"].split()) <= 3


def test_texts_of_more_sentences_are_longer():
    lengths = [
        sum(len(record["text"].split()) for record in records_of(compose([count] * 200)))
        for count in (1, 3, 6)
    ]
    assert lengths[0] * 2 < lengths[1]
    assert lengths[1] * 1.7 < lengths[2]


def test_the_new_product_line_is_only_reviewed_in_the_drift():
    assert not any("smart ring" in line for line in compose([2] * 500).lines)
    assert any("smart ring" in line for line in compose([2] * 500, period=DRIFTED).lines)


def test_more_text_can_be_predicted_better():
    hits = [compose([count] * 2_000).best_hits / 2_000 for count in (1, 5)]
    assert 0.5 < hits[0] < hits[1] < 1


def test_stars_follow_the_title():
    records = records_of(compose([1] * 6_000))
    for star, title in ((5, "Five Stars"), (4, "Four Stars"), (1, "One Star")):
        ratings = [record["rating"] for record in records if record["title"] == title]
        assert abs(sum(ratings) / len(ratings) - star) < 0.8


def test_stars_follow_the_text():
    records = records_of(compose([6] * 3_000))
    praised = [record["rating"] for record in records if "worth every penny" in record["text"]]
    scolded = [record["rating"] for record in records if "waste of money" in record["text"]]
    assert sum(praised) / len(praised) > 4.2
    assert sum(scolded) / len(scolded) < 2.2


def test_some_titles_are_missing_and_none_is_blank():
    titles = [record["title"] for record in records_of(compose([1] * 2_000))]
    assert titles.count(None) / len(titles) == pytest.approx(0.03, abs=0.02)
    assert all(title is None or title.strip() for title in titles)


def test_a_month_without_reviews_is_empty():
    batch = compose([])
    assert (batch.lines, batch.best_hits) == ([], 0)
