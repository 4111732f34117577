"""`marts.reviews_scored` follows the champion, the scores and the reviews."""

from collections.abc import Callable
from typing import Any

import pytest

from lakehouse.connection import Lake

pytestmark = pytest.mark.integration

AFTER_SCORING = ("build", "--select", "tag:after_scoring")
# As ml_assets creates it.
SCORES = """
    create table lake.ml.scores_reviews_rating (
        entity_key varchar not null, model_version integer not null, prediction varchar,
        prediction_value double, confidence double, probabilities double[],
        training_set_hash varchar, features_version varchar, snapshot_id bigint,
        scored_at timestamptz, run_id varchar
    )"""


@pytest.fixture
def reviews(lake: Lake, landing: Any, run_dbt: Callable[..., Any]) -> dict[str, str]:
    """Three clean reviews: review id by text; the table of scores is there, but empty."""
    rows = [
        {"rating": "5", "text": text, "asin": "B1", "user_id": "u", "timestamp": "1600000000000"}
        for text in ("one", "two", "three")
    ]
    landing.load("file", rows)
    with lake.write("scores table") as write:
        write.connection.execute(SCORES)
    run_dbt("run", "--exclude", "tag:after_scoring")
    return dict(lake.rows("select text, review_id from lake.marts.review_features"))


def score(lake: Lake, version: int, predictions: dict[str, str], day: int) -> None:
    with lake.write("scores") as write:
        for review_id, prediction in predictions.items():
            write.connection.execute(
                "insert into lake.ml.scores_reviews_rating values"
                " (?, ?, ?, 3.5, 0.75, [0, 0, 0.25, 0.75, 0], 'h', 'f', 1, make_timestamptz("
                "2021, 1, ?, 0, 0, 0), 'run')",
                [review_id, version, prediction, day],
            )


def promote(lake: Lake, version: int, day: int) -> None:
    with lake.write("promotion") as write:
        write.connection.execute(
            "insert into lake.ops.promotions values ('reviews_rating', 'champion', null, ?, true,"
            " 'better', '', 'h', make_timestamptz(2021, 1, ?, 0, 0, 0), 'run', 1)",
            [version, day],
        )


def scored(lake: Lake) -> dict[str, tuple[int, int]]:
    rows = lake.rows("select text, model_version, predicted_rating from lake.marts.reviews_scored")
    found = {text: (version, rating) for text, version, rating in rows}
    assert len(found) == len(rows)
    return found


def test_each_review_shows_the_score_of_the_champion_or_else_the_newest(
    lake: Lake, reviews: dict[str, str], run_dbt: Callable[..., Any]
) -> None:
    run_dbt(*AFTER_SCORING, unit_tests=True)
    assert scored(lake) == {}

    promote(lake, 1, day=1)
    score(lake, 1, {reviews["one"]: "1", reviews["two"]: "2"}, day=2)
    run_dbt(*AFTER_SCORING)
    assert scored(lake) == {"one": (1, 1), "two": (1, 2)}

    promote(lake, 2, day=3)
    score(lake, 2, {reviews["two"]: "4"}, day=4)
    score(lake, 1, {reviews["three"]: "3"}, day=5)
    with lake.write("a changed file without the first review") as write:
        write.connection.execute("delete from lake.marts.review_features where text = 'one'")
    run_dbt(*AFTER_SCORING)
    assert scored(lake) == {"two": (2, 4), "three": (1, 3)}

    promote(lake, 1, day=6)
    run_dbt(*AFTER_SCORING)
    assert scored(lake) == {"two": (1, 2), "three": (1, 3)}
