"""Plots of an evaluation, as small PNG images."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ml_assets.calibration import ReliabilityBin

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def confusion_plot(confusion: NDArray[np.float64], classes: Sequence[int | str]) -> bytes:
    """Rows by actual and predicted class, as PNG bytes.

    Shades are shares of the actual class, so that rare classes are as readable as frequent ones.
    """
    from matplotlib.figure import Figure

    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(4.6, 4.0), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = [str(value) for value in classes]
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("actual")
    axes.set_title(f"Confusion on {int(confusion.sum()):,} hold-out rows", fontsize=10)
    if len(names) <= 12:
        for row, column in np.ndindex(confusion.shape):
            axes.text(
                column,
                row,
                f"{int(confusion[row, column]):,}\n{shares[row, column]:.0%}",
                ha="center",
                va="center",
                fontsize=7,
                color="white" if shares[row, column] > 0.5 else "black",
            )
    return _png(figure)


def reliability_plot(bins: Sequence[ReliabilityBin]) -> bytes:
    """Share of right predictions against the confidence they were made with. PNG bytes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 4.0), layout="constrained")
    axes = figure.subplots()
    filled = [entry for entry in bins if entry.count]
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle="--", label="calibrated")
    axes.plot(
        [entry.mean_confidence or 0.0 for entry in filled],
        [entry.accuracy or 0.0 for entry in filled],
        marker="o",
        label="model",
    )
    axes.set_xlabel("confidence")
    axes.set_ylabel("share right")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_title("Reliability on the hold-out", fontsize=10)
    axes.legend()
    return _png(figure)


def _png(figure: "Figure") -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    return buffer.getvalue()
