"""Plots of the monitors as small PNG images, for run metadata and reports."""

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ml_assets.monitoring.distributions import ALL
from ml_assets.monitoring.drift_rows import DriftRow
from ml_assets.monitoring.performance import PerformanceRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Newest windows shown: more do not fit a screen.
_MAX_WINDOWS = 24
_MAX_FEATURES = 25
_COLOURS = 64
# Steps of PSI over threshold: few, so that the palette of a small file shows them as they are.
_LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0, 2.0)


def markdown_image(png: bytes, alternative: str) -> str:
    """The image as Markdown with the picture inside, as Dagster's metadata shows it.

    >>> markdown_image(b"png", "PSI")
    '![PSI](data:image/png;base64,cG5n)'
    """
    return f"![{alternative}](data:image/png;base64,{base64.b64encode(png).decode()})"


def drift_heatmap(rows: Sequence[DriftRow]) -> bytes | None:
    """PSI by window and feature over all rows of a window, as PNG; None without rows.

    Colours are relative to each cell's own threshold: from it on they are dark, and the number is
    bold. Cells with too few rows to judge are grey. The newest windows and the features with the
    largest values are shown.
    """
    from matplotlib.colors import BoundaryNorm

    shown = [row for row in rows if row.segment == ALL]
    if not shown:
        return None
    windows = sorted({row.window_start for row in shown})[-_MAX_WINDOWS:]
    shown = [row for row in shown if row.window_start in windows]
    peaks: dict[str, float] = {}
    for row in shown:
        peaks[row.feature] = max(row.psi, peaks.get(row.feature, 0.0))
    features = sorted(peaks, key=lambda name: -peaks[name])[:_MAX_FEATURES]
    excess = np.full((len(features), len(windows)), np.nan)
    figure, axes = _figure(3.2 + 0.45 * len(windows), 2.0 + 0.26 * len(features))
    for row in shown:
        if row.feature not in features:
            continue
        y, x = features.index(row.feature), windows.index(row.window_start)
        excess[y, x] = row.psi / row.threshold if row.threshold else np.nan
        colour = "white" if excess[y, x] > 1.0 else "black"
        weight = "bold" if row.drifted else "normal"
        number = axes.text(x, y, f"{row.psi:.2f}", ha="center", va="center", size=6)
        number.set(color=colour, weight=weight)
    norm = BoundaryNorm(_LEVELS, 256, extend="max")
    image = axes.imshow(excess, cmap="YlOrRd", norm=norm, aspect="auto")
    axes.set_facecolor("lightgrey")
    axes.set_xticks(range(len(windows)), [f"{window:%Y-%m-%d}" for window in windows], rotation=90)
    axes.set_yticks(range(len(features)), features)
    axes.tick_params(labelsize=7)
    axes.set_xlabel("window of the event time (UTC)")
    axes.set_ylabel("feature or prediction")
    figure.colorbar(image, ax=axes, label="PSI / its threshold")
    axes.set_title(f"{shown[0].model} v{shown[0].model_version}: PSI (bold: drift)", size=9)
    return _png(figure)


def performance_plot(rows: Sequence[PerformanceRow], metric: str) -> bytes | None:
    """The metric over the windows with its interval and its limit, as PNG; None without rows."""
    shown = sorted(
        (row for row in rows if row.segment == ALL and row.metric == metric),
        key=lambda row: row.window_start,
    )[-_MAX_WINDOWS:]
    if not shown:
        return None
    figure, axes = _figure(max(5.0, 2 + 0.35 * len(shown)), 3.2)
    x = np.arange(len(shown))
    low, high = ([row.low for row in shown], [row.high for row in shown])
    axes.fill_between(x, low, high, alpha=0.25, label="95 % interval")
    axes.plot(x, [row.value for row in shown], marker="o", label=metric)
    bad = [index for index, row in enumerate(shown) if row.degraded]
    axes.plot(bad, [shown[index].value for index in bad], "rX", markersize=9, label="degraded")
    newest = shown[-1]
    if newest.reference_value is not None:
        axes.axhline(newest.reference_value, color="grey", label="hold-out")
    limits = [row.threshold for row in shown if row.threshold is not None]
    if limits:
        axes.axhline(limits[-1], color="red", linestyle="--", label="limit")
    axes.set_xticks(x, [f"{row.window_start:%Y-%m-%d}" for row in shown], rotation=90)
    axes.set_xlabel("window of the event time (UTC)")
    axes.set_ylabel(metric)
    axes.set_title(f"{newest.model} v{newest.model_version}: realised {metric}", size=9)
    axes.legend(fontsize=7)
    return _png(figure)


def _figure(width: float, height: float) -> "tuple[Figure, Axes]":
    # Built without pyplot, which would keep figures alive and pick a backend of its own.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(min(width, 11.0), min(height, 9.0)), dpi=90, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


def _png(figure: "Figure") -> bytes:
    # A palette instead of full colour makes the file a quarter as large.
    from PIL import Image

    full, small = io.BytesIO(), io.BytesIO()
    figure.savefig(full, format="png")
    image = Image.open(full).convert("RGB").quantize(_COLOURS)
    image.save(small, format="png", optimize=True)
    return small.getvalue()
