"""One month of flawless reviews, as lines of JSON, drawn column by column."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from demo.drift import Period
from demo.months import Month
from demo.phrases import GRADES, Form, cell_of, phrase_book
from demo.products import catalogue
from demo.sentiment import (
    SENTENCE_GRADES,
    STAR_SHARES,
    STATE_GIVEN_STARS,
    TITLE_GRADES,
    Integers,
    draw_categories,
    draw_rows,
    posterior,
)

_IMAGE: Final = (
    '[{"small_image_url": "https://images.example.com/%s_small.jpg", '
    '"large_image_url": "https://images.example.com/%s_large.jpg", "attachment_type": "IMAGE"}]'
)
_NO_TITLE_SHARE: Final = 0.03
_IMAGE_SHARE: Final = 0.04
_VERIFIED_SHARE: Final = 0.9
_MOST_VOTES: Final = 500


@dataclass(frozen=True)
class MonthBatch:
    """The reviews of a month, oldest first.

    `languages` holds the language number of each line; `best_hits` is the expected number of
    ratings that the best possible model gets right.
    """

    lines: list[str]
    languages: npt.NDArray[np.int64]
    best_hits: float


def compose_month(
    month: Month,
    period: Period,
    sentences: Integers,
    *,
    users: npt.NDArray[np.object_],
    rng: np.random.Generator,
) -> MonthBatch:
    """The reviews of a month: one a value of `sentences`, all at different times within it.

    Args:
        month: When the reviews are written.
        period: Shares of languages and product lines.
        sentences: Number of sentences of each text, 0 for a one-word text, shape (n,).
        users: Identifiers of the reviewers to choose from.
        rng: Source of all random choices.
    """
    count = len(sentences)
    stars = draw_categories(STAR_SHARES, count, rng)
    states = draw_rows(STATE_GIVEN_STARS, stars, rng.random(count))
    languages = draw_categories(np.array(period.languages), count, rng)
    lines = draw_categories(np.array(period.lines), count, rng)
    texts, grade_counts = _texts(languages, lines, states, sentences, rng)
    titles, title_grades = _titles(languages, lines, states, rng)
    products = catalogue()
    ranks = np.searchsorted(products.popularity[:-1], rng.random(count), side="right")
    authors = users[(rng.random(count) * len(users)).astype(np.int64)].tolist()
    columns: list[Sequence[object]] = [
        (stars + 1).tolist(),
        titles,
        texts,
        _images(authors, rng),
        products.asins[lines, ranks].tolist(),
        products.parent_asins[lines, ranks].tolist(),
        authors,
        _timestamps(month, count, rng).tolist(),
        _votes(count, rng).tolist(),
        np.where(rng.random(count) < _VERIFIED_SHARE, "true", "false").tolist(),
    ]
    best_hits = float(posterior(grade_counts, title_grades).max(axis=1).sum())
    return MonthBatch(_written(columns), languages, best_hits)


def _written(columns: Sequence[Sequence[object]]) -> list[str]:
    """The rows of columns whose texts are escaped already, as JSON in the order of the schema."""
    return [
        f'{{"rating": {rating}.0, "title": {title}, "text": "{text}", "images": {images}, '
        f'"asin": "{asin}", "parent_asin": "{parent}", "user_id": "{user}", '
        f'"timestamp": {timestamp}, "helpful_vote": {votes}, "verified_purchase": {verified}}}'
        for rating, title, text, images, asin, parent, user, timestamp, votes, verified in zip(
            *columns, strict=True
        )
    ]


def _texts(
    languages: Integers,
    lines: Integers,
    states: Integers,
    sentences: Integers,
    rng: np.random.Generator,
) -> tuple[list[str], Integers]:
    """Texts escaped for JSON, and how many phrases of each grade they have, shape (n, 7)."""
    count = len(sentences)
    lengths = np.maximum(sentences, 1)
    ends = np.cumsum(lengths)
    review = np.repeat(np.arange(count), lengths)
    grades = draw_rows(SENTENCE_GRADES, states[review], rng.random(len(review)))
    forms = np.where(sentences[review] == 0, int(Form.WORD), int(Form.SENTENCE))
    cells = cell_of(languages[review], lines[review], forms, grades)
    phrases = phrase_book().pick(cells, rng.random(len(cells))).tolist()
    texts = [
        " ".join(phrases[end - length : end])
        for end, length in zip(ends.tolist(), lengths.tolist(), strict=True)
    ]
    grade_counts = np.bincount(review * GRADES + grades, minlength=count * GRADES)
    return texts, grade_counts.reshape(count, GRADES)


def _titles(
    languages: Integers, lines: Integers, states: Integers, rng: np.random.Generator
) -> tuple[list[str], Integers]:
    """Titles as JSON, `null` where there is none, and their grades, -1 where there is none."""
    count = len(states)
    grades = draw_rows(TITLE_GRADES, states, rng.random(count))
    cells = cell_of(languages, lines, int(Form.TITLE), grades)
    phrases = phrase_book().pick(cells, rng.random(count))
    is_missing = rng.random(count) < _NO_TITLE_SHARE
    titles = [
        "null" if missing else f'"{title}"'
        for missing, title in zip(is_missing.tolist(), phrases.tolist(), strict=True)
    ]
    return titles, np.where(is_missing, -1, grades)


def _images(authors: list[str], rng: np.random.Generator) -> list[str]:
    has_image = (rng.random(len(authors)) < _IMAGE_SHARE).tolist()
    return [
        _IMAGE % (author, author) if has else "[]"
        for author, has in zip(authors, has_image, strict=True)
    ]


def _timestamps(month: Month, count: int, rng: np.random.Generator) -> Integers:
    """Strictly increasing times within the month: no two reviews of a month share one."""
    room = month.end_ms - month.start_ms - count
    offsets = np.sort((rng.random(count) * room).astype(np.int64))
    times: Integers = month.start_ms + offsets + np.arange(count)
    return times


def _votes(count: int, rng: np.random.Generator) -> Integers:
    """Helpful votes with a long tail: three reviews in four have none."""
    votes = np.floor((1 - rng.random(count)) ** -0.5) - 1
    clipped: Integers = np.minimum(votes, _MOST_VOTES).astype(np.int64)
    return clipped
