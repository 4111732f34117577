from itertools import product

import numpy as np
import pytest

from demo.phrases import GRADES
from demo.sentiment import (
    SENTENCE_GRADES,
    STAR_SHARES,
    STATE_GIVEN_STARS,
    STATES,
    TITLE_GRADES,
    draw_categories,
    draw_rows,
    posterior,
)


@pytest.mark.parametrize(
    "table", [STAR_SHARES[None, :], STATE_GIVEN_STARS, SENTENCE_GRADES, TITLE_GRADES]
)
def test_every_row_of_a_probability_table_sums_to_one(table):
    assert table.sum(axis=1) == pytest.approx(1)
    assert table.min() >= 0


@pytest.mark.parametrize("title", [-1, 0, 1, 5, 6])
def test_posterior_equals_the_enumeration_of_all_states(title):
    for grades in product(range(GRADES), repeat=2):
        expected = np.zeros(5)
        for stars, state in product(range(5), range(STATES)):
            chance = STAR_SHARES[stars] * STATE_GIVEN_STARS[stars, state]
            for grade in grades:
                chance *= SENTENCE_GRADES[state, grade]
            expected[stars] += chance * (1 if title < 0 else TITLE_GRADES[state, title])
        if expected.sum() == 0:
            continue
        counts = np.bincount(grades, minlength=GRADES)[None, :]
        found = posterior(counts, np.array([title]))[0]
        assert found == pytest.approx(expected / expected.sum(), abs=1e-12)


def test_posterior_of_a_text_without_opinion_is_close_to_the_shares_of_the_stars():
    found = posterior(np.array([[3, 0, 0, 0, 0, 0, 0]]), np.array([-1]))[0]
    assert found == pytest.approx(STAR_SHARES, abs=0.02)


def test_best_accuracy_is_what_the_most_probable_stars_reach():
    rng = np.random.default_rng(5)
    count = 40_000
    stars = draw_categories(STAR_SHARES, count, rng)
    states = draw_rows(STATE_GIVEN_STARS, stars, rng.random(count))
    grades = [draw_rows(SENTENCE_GRADES, states, rng.random(count)) for _ in range(3)]
    titles = draw_rows(TITLE_GRADES, states, rng.random(count))
    counts = sum(np.eye(GRADES, dtype=np.int64)[column] for column in grades)
    probabilities = posterior(counts, titles)
    hits = (probabilities.argmax(axis=1) == stars).mean()
    standard_error = 0.5 / count**0.5
    assert hits == pytest.approx(probabilities.max(axis=1).mean(), abs=4 * standard_error)


def test_a_draw_next_to_one_stays_in_the_last_possible_column():
    shares = np.full((1, 10), 0.1)
    almost_one = np.array([np.nextafter(1, 0)])
    assert draw_rows(shares, np.array([0]), almost_one).tolist() == [9]


def test_drawn_categories_have_the_given_shares():
    drawn = draw_categories(STAR_SHARES, 20_000, np.random.default_rng(1))
    assert np.bincount(drawn) / 20_000 == pytest.approx(STAR_SHARES, abs=0.02)


def test_nothing_is_drawn_for_no_rows():
    assert len(draw_categories(STAR_SHARES, 0, np.random.default_rng(1))) == 0
