import json

import numpy as np
import pytest

from demo.composing import compose_month
from demo.defects import DEFECTS, EXACT_DUPLICATE, HTML_ENTITIES, NEAR_DUPLICATE
from demo.drift import DRIFTED
from demo.months import months_from
from demo.plan import PLAIN, DefectPlan
from demo.planting import Planter
from demo.products import user_ids

SIZE = 40


@pytest.fixture
def batches():
    return [
        compose_month(
            month,
            DRIFTED,
            np.full(SIZE, 3),
            users=user_ids(9),
            rng=np.random.default_rng(number),
        )
        for number, month in enumerate(months_from("2025-07", 2))
    ]


def planted(batches, defects, sources):
    """The lines of both months and the planter after planting `defects` by line number."""
    plan = DefectPlan(np.full(2 * SIZE, PLAIN, dtype=np.int8), np.full(2 * SIZE, -1))
    for line, defect in defects.items():
        plan.defect[line] = DEFECTS.index(defect)
        plan.source[line] = sources.get(line, -1)
    planter = Planter(plan)
    rng = np.random.default_rng(0)
    lines = [planter.plant(batch, SIZE * i, rng) for i, batch in enumerate(batches)]
    return lines[0] + lines[1], planter


def different_languages(batches):
    """A line of the first month and one of the second that is in another language."""
    other = np.flatnonzero(batches[1].languages != batches[0].languages[5])
    return 5, SIZE + int(other[0])


@pytest.mark.parametrize("defect", [EXACT_DUPLICATE, NEAR_DUPLICATE])
def test_a_copy_in_a_later_month_has_the_language_of_its_original(batches, defect):
    source, copy = different_languages(batches)
    _, planter = planted(batches, {copy: defect}, {copy: source})
    assert planter.languages[copy] == planter.languages[source] == batches[0].languages[5]


def test_an_exact_duplicate_is_the_line_again(batches):
    lines, _ = planted(batches, {50: EXACT_DUPLICATE, 8: EXACT_DUPLICATE}, {50: 3, 8: 3})
    assert lines[50] == lines[8] == lines[3] == batches[0].lines[3]


def test_a_near_duplicate_has_the_time_of_its_own_place(batches):
    lines, _ = planted(batches, {50: NEAR_DUPLICATE}, {50: 3})
    original, replaced = json.loads(lines[3]), json.loads(batches[1].lines[10])
    copy = json.loads(lines[50])
    assert copy["timestamp"] == replaced["timestamp"]
    assert copy["asin"] == original["asin"]
    assert copy["text"] != original["text"]


def test_only_the_planned_lines_change(batches):
    lines, _ = planted(batches, {7: HTML_ENTITIES}, {})
    flawless = batches[0].lines + batches[1].lines
    assert [i for i, line in enumerate(lines) if line != flawless[i]] == [7]


def test_planting_leaves_the_batch_as_it_was(batches):
    before = list(batches[0].lines)
    planted(batches, {7: HTML_ENTITIES}, {})
    assert batches[0].lines == before
