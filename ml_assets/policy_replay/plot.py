"""The policies over time, as a picture."""

import io
from collections.abc import Sequence

import numpy as np

from ml_assets.policy_replay.summary import PolicyResult
from ml_assets.policy_replay.walk import Walk


def policies_plot(results: Sequence[PolicyResult], walks: Sequence[Walk], *, title: str) -> bytes:
    """The metric by month and policy, and below when each was trained again. PNG bytes.

    Filled marks are trainings whose model went into production, hollow ones those that the gate
    refused.

    Args:
        results: Of the policies, over the same months.
        walks: What they come from, in the same order.
        title: What stands above.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 5.2), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    for result in results:
        middles = np.asarray([np.datetime64(f"{month}-15") for month in result.months])
        naive = not _walk_of(result, walks).trainings
        style = {"color": "grey", "linestyle": "--"} if naive else {"marker": "."}
        above.plot(middles, list(result.months.values()), label=result.policy, **style)
    above.set_ylabel(f"{results[0].metric} by month")
    above.legend(fontsize=8, ncols=3)
    above.set_title(title, fontsize=10)
    shown = [walk for walk in walks if walk.trainings]
    for row, walk in enumerate(shown):
        colour = above.get_lines()[list(walks).index(walk)].get_color()
        for training in walk.trainings:
            fill = "full" if training.promoted else "none"
            below.plot(
                [np.datetime64(training.at.replace(tzinfo=None))], [row],
                marker="o", markersize=5, color=colour, fillstyle=fill, linestyle="",
            )  # fmt: skip
    below.set_yticks(range(len(shown)), [walk.policy for walk in shown])
    below.set_ylim(len(shown) - 0.5, -0.5)
    below.set_xlabel("trainings (hollow: refused by the gate)")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    return buffer.getvalue()


def _walk_of(result: PolicyResult, walks: Sequence[Walk]) -> Walk:
    return next(walk for walk in walks if walk.policy == result.policy)
