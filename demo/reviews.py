"""Writes months of demo reviews whose defects, drift and best reachable accuracy are known."""

from pathlib import Path
from typing import Final

import numpy as np

from demo.composing import compose_month
from demo.counting import planted_truth
from demo.drift import period_of
from demo.months import months_from
from demo.plan import plan_defects
from demo.planting import Planter
from demo.products import user_ids
from demo.sentiment import Integers, draw_categories
from demo.truth import PlantedTruth

_PLAN_STREAM: Final = 0
_MONTH_STREAM: Final = 1
_REVIEWS_PER_USER: Final = 1.6


def generate_reviews(
    folder: Path,
    *,
    rows: int = 20_000,
    seed: int = 7,
    months: int = 12,
    first_month: str = "2025-07",
) -> PlantedTruth:
    """The truth about the review files it has written, `reviews_<YYYY-MM>.jsonl`, one a month.

    The same arguments write the same bytes. Each file appears whole or not at all; a file of the
    same name is replaced, other files are left alone.

    Args:
        folder: Where to write; made if missing.
        rows: Lines over all files, planted defects included; at least one a month.
        seed: Selects the reviews; not negative.
        months: Number of files. With more than three, the last three months drift.
        first_month: The first month ("YYYY-MM"). Choose it so that all months are past: reviews
            in the future are a planted defect, and only those are counted.

    Raises:
        ValueError: An argument is out of its range.
    """
    _check(rows=rows, seed=seed, months=months)
    calendar = months_from(first_month, months)
    folder.mkdir(parents=True, exist_ok=True)
    bounds = np.linspace(0, rows, months + 1).astype(np.int64)
    rng = np.random.default_rng([seed, _PLAN_STREAM])
    sentences = _sentences(bounds, rng)
    plan = plan_defects(sentences, rng)
    planter = Planter(plan)
    users = user_ids(max(1, int(rows / _REVIEWS_PER_USER)))
    best_hits = []
    for number, month in enumerate(calendar):
        first, after = int(bounds[number]), int(bounds[number + 1])
        rng = np.random.default_rng([seed, _MONTH_STREAM, number])
        period = period_of(number, months)
        batch = compose_month(month, period, sentences[first:after], users=users, rng=rng)
        _write_lines(folder / month.file_name, planter.plant(batch, first, rng))
        best_hits.append(batch.best_hits)
    return planted_truth(plan, planter.languages, calendar, bounds=bounds, best_hits=best_hits)


def _check(*, rows: int, seed: int, months: int) -> None:
    if months < 1:
        raise ValueError(f"months must be at least 1, got {months}.")
    if rows < months:
        raise ValueError(
            f"rows must be at least months ({months}), so that no file is empty, got {rows}."
        )
    if seed < 0:
        raise ValueError(f"seed must not be negative, got {seed}.")


def _sentences(bounds: Integers, rng: np.random.Generator) -> Integers:
    """The number of sentences of every text, drawn with the shares of its month."""
    months = len(bounds) - 1
    return np.concatenate(
        [
            draw_categories(np.array(period_of(month, months).sentences), int(count), rng)
            for month, count in enumerate(np.diff(bounds))
        ]
    )


def _write_lines(path: Path, lines: list[str]) -> None:
    """Writes a file that is seen whole or not at all, also by a sensor that lists the folder."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.write_bytes("\n".join([*lines, ""]).encode())
    unfinished.replace(path)
