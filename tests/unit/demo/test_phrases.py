import json
import re
from itertools import product

import numpy as np
import pytest

from demo.phrases import GRADES, LANGUAGES, Form, agreeing, cell_of, phrase_book, pool_of
from demo.vocabulary import LINES, NEW_LINE

CELLS = list(product(LANGUAGES, LINES, Form, range(GRADES)))


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.code)
def test_a_phrase_belongs_to_one_grade_so_that_the_text_reveals_it(language):
    for line, form in product(LINES, Form):
        seen: dict[str, int] = {}
        for grade in range(GRADES):
            for phrase in set(pool_of(language, line, form, grade)):
                key = re.sub(r"[^\w ]", "", phrase.lower())
                assert seen.setdefault(key, grade) == grade, phrase


def test_every_cell_of_the_book_holds_the_phrases_of_its_pool():
    book = phrase_book()
    assert len(book.size) == len(CELLS)
    for number in (0, 20, 100, len(CELLS) - 1):
        start, size = book.start[number], book.size[number]
        phrases = [json.loads(f'"{phrase}"') for phrase in book.phrases[start : start + size]]
        assert phrases == pool_of(*CELLS[number])


def test_cells_are_numbered_in_the_order_of_the_book():
    numbers = [
        cell_of(*(np.array([number]) for number in cell))[0]
        for cell in product(range(3), range(4), range(3), range(7))
    ]
    assert numbers == list(range(len(CELLS)))


def test_the_smallest_and_largest_draw_pick_the_first_and_last_phrase():
    book = phrase_book()
    cells = np.array([3, 3])
    first, last = book.pick(cells, np.array([0.0, np.nextafter(1, 0)]))
    start, size = book.start[3], book.size[3]
    assert (first, last) == (book.phrases[start], book.phrases[start + size - 1])


def test_no_slot_is_left_and_no_gender_is_open_in_any_phrase():
    for cell in CELLS:
        pool = pool_of(*cell)
        assert pool
        assert not [phrase for phrase in pool if re.search(r"[{}@|\n]", phrase)]


@pytest.mark.parametrize(
    ("adjective", "aspect", "expected"),
    [
        ("perfect@", "el sonido", "perfecto"),
        ("perfect@", "la tela", "perfecta"),
        ("bom|boa", "a base", "boa"),
        ("bom|boa", "o bico", "bom"),
        ("útil", "la base", "útil"),
        ("nice", "the lid", "nice"),
    ],
)
def test_an_adjective_agrees_with_the_article(adjective, aspect, expected):
    assert agreeing(adjective, aspect) == expected


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.code)
def test_the_new_line_is_judged_in_words_of_its_own(language):
    established = {
        agreeing(adjective, aspect)
        for adjectives in language.established.adjectives.values()
        for adjective in adjectives
        for aspect in ("la", "o")
    }
    for form, grade in product(Form, range(1, 6)):
        phrases = pool_of(language, NEW_LINE, form, grade)
        words = set(re.findall(r"\w+", " ".join(phrases).lower()))
        assert not words & established


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.code)
def test_a_language_has_words_for_every_line_and_all_five_grades(language):
    assert tuple(language.products) == LINES
    for wording in (language.established, language.new):
        for graded in (wording.adjectives, wording.verdicts, wording.titles, wording.words):
            assert sorted(graded) == [1, 2, 3, 4, 5]
