"""Which line carries which defect, decided before any line is written."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from demo.defects import DEFECTS, EXACT_DUPLICATE, NEAR_DUPLICATE, Defect, Outcome

PLAIN: Final = -1

_COPIES: Final = [DEFECTS.index(EXACT_DUPLICATE), DEFECTS.index(NEAR_DUPLICATE)]


@dataclass(frozen=True)
class DefectPlan:
    """For each line: the number of its defect in `DEFECTS` (-1: none), and the line it copies.

    `source` is -1 for lines that copy none. A copied line is plain and stands earlier.
    """

    defect: npt.NDArray[np.int8]
    source: npt.NDArray[np.int64]

    def counts(self) -> dict[str, int]:
        """How many lines carry each kind of defect, by name."""
        return {
            defect.name: int((self.defect == number).sum()) for number, defect in enumerate(DEFECTS)
        }

    def sources(self) -> npt.NDArray[np.int64]:
        """The lines that some line copies, ascending."""
        return np.unique(self.source[self.source >= 0])

    def outcomes(self) -> npt.NDArray[np.str_]:
        """What a correct pipeline makes of each line: names of `Outcome`, shape (rows,)."""
        by_defect = np.array([*(kind.outcome for kind in DEFECTS), Outcome.CLEAN], dtype=str)
        named: npt.NDArray[np.str_] = by_defect[self.defect]
        return named


def planned_count(defect: Defect, rows: int) -> int:
    """How many of `rows` lines are to carry the defect: at least one from 2,000 rows on.

    >>> planned_count(EXACT_DUPLICATE, 20_000), planned_count(EXACT_DUPLICATE, 10)
    (300, 0)
    """
    return round(defect.rate * rows)


def plan_defects(sentences: npt.NDArray[np.int64], rng: np.random.Generator) -> DefectPlan:
    """At most one defect a line, at random places.

    Args:
        sentences: Number of sentences of each line's text, shape (rows,). Only texts of two or
            more are copied as near duplicates: one-word texts are alike by accident.
        rng: Source of all random choices.
    """
    rows = len(sentences)
    defect = np.full(rows, PLAIN, dtype=np.int8)
    source = np.full(rows, -1, dtype=np.int64)
    order = rng.permutation(rows)
    taken = 0
    for number, kind in enumerate(DEFECTS):
        count = planned_count(kind, rows)
        defect[order[taken : taken + count]] = number
        taken += count
    plain = defect == PLAIN
    for kind, copyable in ((EXACT_DUPLICATE, plain), (NEAR_DUPLICATE, plain & (sentences >= 2))):
        lines = np.flatnonzero(defect == DEFECTS.index(kind))
        source[lines] = _earlier(np.flatnonzero(copyable), lines, rng)
    without_source = np.isin(defect, _COPIES) & (source < 0)
    defect[without_source] = PLAIN
    return DefectPlan(defect, source)


def _earlier(
    candidates: npt.NDArray[np.int64], lines: npt.NDArray[np.int64], rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """For each line one of the (ascending) candidates before it, -1 where there is none."""
    before = np.searchsorted(candidates, lines)
    chosen = (rng.random(len(lines)) * before).astype(np.int64)
    if len(candidates) == 0:
        return np.full(len(lines), -1, dtype=np.int64)
    return np.where(before > 0, candidates[chosen], -1)
