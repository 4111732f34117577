"""The plot of a search: what each trial came to, and the best up to it."""

import numpy as np

from ml_assets.evaluation_plots import png
from ml_assets.metrics import metric_direction
from ml_assets.search import SearchResult


def search_plot(search: SearchResult) -> bytes:
    """The metric of each trial, the best so far, and where trials failed. PNG bytes."""
    from matplotlib.figure import Figure

    higher = metric_direction(search.metric) == "higher"
    complete = [trial for trial in search.trials if trial.state == "complete"]
    numbers = [trial.number for trial in complete]
    values = np.asarray([trial.mean for trial in complete])
    best = np.maximum.accumulate(values) if higher else np.minimum.accumulate(values)
    figure = Figure(figsize=(6.0, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(numbers, values, "o", markersize=4, label="trial")
    axes.step(numbers, best, where="post", label="best so far")
    for trial in search.trials:
        if trial.state != "complete":
            axes.axvline(trial.number, color="grey", linewidth=0.8, linestyle=":")
    axes.set_xlabel("trial (0 is the spec's own setting; dotted: failed or stopped)")
    axes.set_ylabel(search.metric)
    axes.set_title(f"Best: trial {search.best.number}, {search.best.mean:.4f}", fontsize=10)
    axes.legend(fontsize=8)
    return png(figure)
