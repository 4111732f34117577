"""Puts the planned defects into the lines of a month."""

import json
from typing import TYPE_CHECKING

import numpy as np

from demo.composing import MonthBatch
from demo.copies import near_duplicate
from demo.defects import DEFECTS, EXACT_DUPLICATE, line_of
from demo.phrases import LANGUAGES
from demo.plan import PLAIN, DefectPlan

if TYPE_CHECKING:
    from demo.sentiment import Integers


class Planter:
    """Plants a plan month by month, in order; keeps only the lines that are copied later.

    Attributes:
        languages: The language number of every line planted so far, shape (rows,).
    """

    def __init__(self, plan: DefectPlan) -> None:
        self.languages: Integers = np.zeros(len(plan.defect), dtype=np.int64)
        self._plan = plan
        self._sources = plan.sources()
        self._copied: dict[int, str] = {}

    def plant(self, batch: MonthBatch, first: int, rng: np.random.Generator) -> list[str]:
        """The batch's lines with their defects; `first` is the number of its first line."""
        lines = list(batch.lines)
        after = first + len(lines)
        self.languages[first:after] = batch.languages
        start, stop = np.searchsorted(self._sources, [first, after])
        for line in self._sources[start:stop].tolist():
            self._copied[line] = lines[line - first]
        spoiled = np.flatnonzero(self._plan.defect[first:after] != PLAIN) + first
        variants = (rng.random(len(spoiled)) * 2**31).astype(np.int64)
        for line, variant in zip(spoiled.tolist(), variants.tolist(), strict=True):
            lines[line - first] = self._spoiled(line, lines[line - first], variant)
        return lines

    def _spoiled(self, line: int, text: str, variant: int) -> str:
        defect = DEFECTS[self._plan.defect[line]]
        if defect.spoil is not None:
            return defect.spoil(json.loads(text), LANGUAGES[self.languages[line]], variant)
        source = int(self._plan.source[line])
        original = self._copied[source]
        self.languages[line] = self.languages[source]
        if defect is EXACT_DUPLICATE:
            return original
        language = LANGUAGES[self.languages[line]]
        return line_of(near_duplicate(json.loads(original), json.loads(text), language, variant))
