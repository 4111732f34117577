"""From counts to rows of `monitoring.drift`: distances, their noise, and what counts as drift."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np

from ml_assets.drift_statistics import (
    bonferroni,
    jensen_shannon_distance,
    population_stability_index,
    psi_noise_limit,
)
from ml_assets.monitoring.counting import BinnedGroup
from ml_assets.monitoring.distributions import ALL, Distribution, FeatureBins
from ml_assets.monitoring.recording import Measurement
from ml_assets.monitoring.windows import window_end
from ml_assets.spec.operating_sections import Monitors

DriftKind = Literal["feature", "prediction"]


@dataclass(frozen=True)
class DriftRow:
    """A row of `monitoring.drift`: one feature (or property of the predictions) in one window.

    `threshold` is null where there are too few rows to judge, and `drifted` is false then.
    """

    model: str
    model_version: int
    window_start: datetime
    window_end: datetime
    segment: str
    feature: str
    kind: DriftKind
    rows: int
    reference_rows: int
    nulls: int
    minimum: float | None
    maximum: float | None
    out_of_range: int | None
    psi: float
    psi_noise_limit: float
    js_distance: float
    threshold: float | None
    drifted: bool
    measured_at: datetime
    run_id: str


@dataclass(frozen=True)
class Judgement:
    """The distances of one feature in one window, and whether they count as drift."""

    psi: float
    noise_limit: float
    js_distance: float
    threshold: float | None

    @property
    def drifted(self) -> bool:
        """Whether PSI exceeds the threshold."""
        return self.threshold is not None and self.psi > self.threshold


def judge(
    reference: Sequence[int], current: Sequence[int], monitors: Monitors, *, comparisons: int
) -> Judgement:
    """The distances between two counts over the same bins, each with a row or more.

    A threshold is the larger of the spec's PSI and of what chance exceeds with probability
    `alpha` in any of the window's comparisons (Bonferroni). There is none where either side has
    fewer rows than the spec asks for.

    >>> judge([500, 500], [900, 100], Monitors(), comparisons=10).drifted
    True
    >>> judge([500, 500], [90, 10], Monitors(), comparisons=10).threshold is None
    True
    """
    before, after = np.asarray(reference), np.asarray(current)
    n_before, n_after = int(before.sum()), int(after.sum())
    used_bins = int(((before + after) > 0).sum())
    limit = 0.0
    if used_bins > 1:
        level = bonferroni(monitors.alpha, comparisons)
        limit = psi_noise_limit(n_before, n_after, used_bins, alpha=level)
    enough = min(n_before, n_after) >= monitors.min_rows
    return Judgement(
        psi=population_stability_index(before, after),
        noise_limit=limit,
        js_distance=jensen_shannon_distance(before, after),
        threshold=max(monitors.psi, limit) if enough else None,
    )


def drift_rows(
    groups: Sequence[BinnedGroup],
    reference: Distribution,
    monitors: Monitors,
    *,
    kind: DriftKind,
    measurement: Measurement,
) -> list[DriftRow]:
    """A row for each feature, window and segment; segments too small to judge are left out.

    All comparisons that a window can have (features times the reference's segments) share
    `alpha`, whether they have rows this time or not, so that the threshold is steady.
    """
    comparisons = len(reference.bins) * len(reference.rows)
    rows = []
    for group in groups:
        known = group.segment in reference.rows
        if group.window_start is None or not known:
            continue
        if group.segment != ALL and group.rows < monitors.min_rows:
            continue
        before = reference.counts[group.segment]
        for bins, counts, after in zip(reference.bins, before, group.features, strict=True):
            judgement = judge(counts, after.counts, monitors, comparisons=comparisons)
            rows.append(
                DriftRow(
                    model=measurement.model,
                    model_version=measurement.version,
                    window_start=group.window_start,
                    window_end=window_end(group.window_start, monitors.window),
                    segment=group.segment,
                    feature=bins.name,
                    kind=kind,
                    rows=group.rows,
                    reference_rows=reference.rows[group.segment],
                    nulls=after.counts[-1],
                    minimum=after.minimum,
                    maximum=after.maximum,
                    out_of_range=out_of_range(bins, after.counts),
                    psi=judgement.psi,
                    psi_noise_limit=judgement.noise_limit,
                    js_distance=judgement.js_distance,
                    threshold=judgement.threshold,
                    drifted=judgement.drifted,
                    measured_at=measurement.now,
                    run_id=measurement.run_id,
                )
            )
    return rows


def out_of_range(bins: FeatureBins, counts: Sequence[int]) -> int:
    """Rows outside what the reference has: beyond its extremes, or of no category of its own.

    >>> out_of_range(FeatureBins("n", "n", "numeric", edges=(0.0, 5.0)), [1, 10, 2, 4])
    3
    """
    if bins.kind == "categorical" or not bins.edges:
        return counts[0]
    return counts[0] + counts[-2]
