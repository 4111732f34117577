"""Any sequence of loads and incremental builds ends where a full refresh would."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from lakehouse.connection import Lake

pytestmark = pytest.mark.integration

# What the rows of the random files are made of: few reviews, so that most are repeated within
# files and across them, and one defect for every rule that needs no neighbour.
REVIEWS = 8
DEFECTS: dict[str, dict[str, str | None]] = {
    "rating_not_a_number": {"rating": "five"},
    "timestamp_invalid": {"timestamp": None},
    "user_missing": {"user_id": " "},
    # Not part of what makes two rows the same review.
    "helpful_vote_invalid": {"helpful_vote": "-1"},
}
TABLES = {
    "staging.stg_reviews": "*",
    "intermediate.int_reviews_outcomes": "* exclude (_assessed_snapshot_id)",
    "intermediate.int_reviews_quarantined": "*",
    "marts.review_features": "* exclude (_assessed_snapshot_id)",
}
BUILD = ("run", "--exclude", "tag:after_scoring")


@dataclass(frozen=True)
class RandomRow:
    review: int
    defect: str | None

    def values(self) -> dict[str, str | None]:
        row: dict[str, str | None] = {
            "rating": str(1 + self.review % 5),
            "text": f"Review &amp; number {self.review}",
            "asin": "B1",
            "user_id": f"user {self.review}",
            # Reviews of other years in every file: late arrivals are the rule here.
            "timestamp": str(1_000_000_000_000 + self.review * 40_000_000_000),
        }
        return row | (DEFECTS[self.defect] if self.defect else {})


@dataclass
class History:
    """Random loads, and what the tables must hold after them, computed the slow and plain way."""

    landing: Any
    chance: random.Random
    live: dict[int, tuple[str, list[RandomRow]]] = field(default_factory=dict)
    became_clean: int = 0
    repeat_another: int = 0

    def go_on(self, loads: int) -> None:
        before = self.expected_outcomes()
        self._load(loads)
        after = self.expected_outcomes()
        changed = [place for place in before.keys() & after.keys() if before[place] != after[place]]
        self.became_clean += sum(after[place][0] == "clean" for place in changed)
        self.repeat_another += sum(after[place][0] == "duplicate" for place in changed)

    def _load(self, loads: int) -> None:
        for _ in range(loads):
            changed = self.live and self.chance.random() < 0.4
            superseded = self.chance.choice([*self.live]) if changed else None
            file = self.live[superseded][0] if superseded else f"file {self.landing.loads}"
            rows = [self._row() for _ in range(self.chance.choice([0, 3, 6, 12]))]
            load_id = self.landing.load(file, [r.values() for r in rows], supersedes=superseded)
            self.live.pop(superseded or 0, None)
            self.live[load_id] = (file, rows)

    def _row(self) -> RandomRow:
        defect = self.chance.choice([*DEFECTS, *[None] * 9])
        return RandomRow(self.chance.randrange(REVIEWS), defect)

    def expected_outcomes(self) -> dict[tuple[int, int], tuple[Any, ...]]:
        """By (load, line): the outcome, the rule, and the (load, line) of the review it repeats."""
        kept: dict[int, tuple[int, int]] = {}
        outcomes: dict[tuple[int, int], tuple[Any, ...]] = {}
        for load_id in sorted(self.live):
            for line, row in enumerate(self.live[load_id][1], 1):
                place = (load_id, line)
                if row.defect:
                    outcomes[place] = ("quarantined", row.defect, None)
                elif row.review in kept:
                    outcomes[place] = ("duplicate", None, kept[row.review])
                else:
                    kept[row.review] = place
                    outcomes[place] = ("clean", None, None)
        return outcomes


def outcomes_in(lake: Lake) -> dict[tuple[int, int], tuple[Any, ...]]:
    rows = lake.rows(
        "select review_id, _load_id, _line, outcome, rule, duplicate_of"
        " from lake.intermediate.int_reviews_outcomes"
    )
    places = {review_id: (load_id, line) for review_id, load_id, line, *_ in rows}
    assert len(places) == len(rows)
    return {
        places[review_id]: (outcome, rule, places[original] if original else None)
        for review_id, _, _, outcome, rule, original in rows
    }


def contents(lake: Lake) -> dict[str, list[tuple[Any, ...]]]:
    return {
        table: lake.rows(f"select {columns} from lake.{table} order by all")
        for table, columns in TABLES.items()
    }


def check(lake: Lake, history: History) -> None:
    expected = history.expected_outcomes()
    assert outcomes_in(lake) == expected
    places = {
        table: [tuple(place) for place in lake.rows(f"select _load_id, _line from lake.{table}")]
        for table in ("staging.stg_reviews", "intermediate.int_reviews_quarantined")
    }
    by_outcome = {
        outcome: sorted(place for place, found in expected.items() if found[0] == outcome)
        for outcome in ("clean", "quarantined")
    }
    assert sorted(places["staging.stg_reviews"]) == sorted(expected)
    quarantined = sorted(places["intermediate.int_reviews_quarantined"])
    assert quarantined == by_outcome["quarantined"]
    features = lake.rows(
        "select _load_id, _line, features.text from lake.marts.review_features as features"
        " join lake.staging.stg_reviews using (review_id, _load_id)"
    )
    assert sorted((load, line) for load, line, _ in features) == by_outcome["clean"]
    assert all(
        text == f"Review & number {history.live[load][1][line - 1].review}"
        for load, line, text in features
    )


def test_incremental_builds_equal_a_full_refresh(
    lake: Lake, landing: Any, run_dbt: Callable[..., Any]
) -> None:
    history = History(landing, random.Random(129))  # noqa: S311 - not for secrets
    for loads in (5, 5, 5):
        history.go_on(loads)
        run_dbt(*BUILD)
        check(lake, history)
    # Another seed must make the hard cases as well, or the test is worth little.
    assert min(history.became_clean, history.repeat_another) > 4
    incremental = contents(lake)
    run_dbt(*BUILD, "--full-refresh")
    assert contents(lake) == incremental
    before = lake.snapshot_id()
    run_dbt("build", "--exclude", "tag:after_scoring", "config.materialized:table")
    assert lake.snapshot_id() == before, "a build without new loads has written to the lake"


def test_models_whose_code_has_changed_are_built_from_all_rows(
    lake: Lake, landing: Any, run_dbt: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    landing.load("a", [RandomRow(1, None).values()])
    run_dbt(*BUILD)
    with lake.write("what older code made") as write:
        write.connection.execute("update lake.staging.stg_reviews set text = 'old'")
        write.connection.execute("update lake.marts.review_features set text_words = 77")
    monkeypatch.setenv("TIDEMARK_DBT_REBUILD", "other,stg_reviews")
    run_dbt(*BUILD)
    assert lake.rows("select text from lake.staging.stg_reviews") != [("old",)]
    assert lake.rows("select text_words from lake.marts.review_features") == [(77,)]


def test_builds_of_single_dbt_models_are_made_up_for_by_the_next_whole_build(
    lake: Lake, landing: Any, run_dbt: Callable[..., Any]
) -> None:
    history = History(landing, random.Random(39))  # noqa: S311 - not for secrets
    history.go_on(5)
    run_dbt(*BUILD)
    history.go_on(5)
    run_dbt("run", "--select", "int_reviews_outcomes", "review_features")
    run_dbt("run", "--select", "int_reviews_outcomes", "--full-refresh")
    run_dbt(*BUILD)
    check(lake, history)
