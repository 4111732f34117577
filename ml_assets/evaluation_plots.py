"""Plots of an evaluation, as small PNG images."""

import io
from collections.abc import Mapping, Sequence
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
    return png(figure)


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
    return png(figure)


def predictions_plot(
    event_time: NDArray[np.datetime64],
    label: NDArray[np.float64],
    output: NDArray[np.float64],
    *,
    coverage: float,
) -> bytes:
    """What was predicted, with its interval, and what came, over time. PNG bytes.

    Args:
        event_time: When each prediction was made, (n,).
        label: What came, (n,).
        output: Predictions and the ends of their intervals, (n, 3), in the label's unit.
        coverage: The share of labels that intervals are to hold.
    """
    from matplotlib.figure import Figure

    order = np.argsort(event_time, kind="stable")
    figure = Figure(figsize=(7.0, 3.6), layout="constrained")
    axes = figure.subplots()
    point, low, high = output[order].T
    axes.fill_between(event_time[order], low, high, alpha=0.2, linewidth=0, label="interval")
    axes.plot(event_time[order], label[order], color="black", linewidth=0.8, label="actual")
    axes.plot(event_time[order], point, linewidth=0.8, label="predicted")
    held = np.mean((output[:, 1] <= label) & (label <= output[:, 2]))
    axes.set_title(
        f"{len(label):,} hold-out rows; intervals for {coverage:.0%} hold {held:.1%}", fontsize=10
    )
    axes.set_xlabel("when the prediction was made")
    axes.legend(fontsize=8)
    figure.autofmt_xdate()
    return png(figure)


def gain_plot(
    event_time: NDArray[np.datetime64], gain: NDArray[np.float64], *, baseline: str
) -> bytes:
    """The summed gain over the baseline, row by row: it rises where the model is better. PNG bytes.

    Source: Welch and Goyal, Review of Financial Studies 21, 2008.

    Args:
        event_time: Times of the rows, (n,).
        gain: The baseline's absolute error less the model's, (n,).
        baseline: What the baseline is.
    """
    from matplotlib.figure import Figure

    order = np.argsort(event_time, kind="stable")
    figure = Figure(figsize=(7.0, 3.0), layout="constrained")
    axes = figure.subplots()
    axes.axhline(0.0, color="grey", linewidth=1, linestyle="--")
    axes.plot(event_time[order], np.cumsum(gain[order]), linewidth=1)
    axes.set_ylabel("summed gain")
    axes.set_title(f"Absolute error of {baseline} less the challenger's: up is better", fontsize=10)
    figure.autofmt_xdate()
    return png(figure)


def errors_plot(errors: Mapping[str, NDArray[np.float64]]) -> bytes:
    """Share of rows with an absolute error up to each size, for each model. PNG bytes.

    Args:
        errors: Output less label by name, (n, 3); the first column is the prediction's.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 4.0), layout="constrained")
    axes = figure.subplots()
    for name, error in errors.items():
        sizes = np.sort(np.abs(error[:, 0]))
        axes.plot(sizes, np.arange(1, len(sizes) + 1) / len(sizes), label=name)
    axes.set_xlabel("absolute error")
    axes.set_ylabel("share of rows")
    axes.set_ylim(0, 1)
    axes.set_title("Errors on the hold-out", fontsize=10)
    axes.legend(fontsize=8)
    return png(figure)


def png(figure: "Figure") -> bytes:
    """The figure as PNG bytes, small enough to show in place."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    return buffer.getvalue()
