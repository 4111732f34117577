"""Plots are images, also of hold-outs in which something is missing."""

import numpy as np
import pytest

from ml_assets.calibration import ReliabilityBin
from ml_assets.evaluation_plots import (
    confusion_plot,
    gain_plot,
    predictions_plot,
    reliability_plot,
)


def _size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


@pytest.mark.parametrize(
    "confusion",
    [np.array([[5.0, 1.0], [0.0, 9.0]]), np.array([[3.0, 0.0], [0.0, 0.0]]), np.zeros((13, 13))],
    ids=["usual", "a class without rows", "more classes than numbers fit"],
)
def test_a_confusion_is_drawn(confusion):
    assert _size(confusion_plot(confusion, list(range(len(confusion))))) == (368, 320)


def test_what_was_counted_is_in_the_picture():
    classes = ("no", "yes")
    one, other = (confusion_plot(np.array([[a, 1.0], [1.0, 2.0]]), classes) for a in (1.0, 9.0))
    assert one != other


def test_a_reliability_is_drawn_without_its_empty_bins():
    filled = ReliabilityBin(0.5, 0.6, 10, 0.55, 0.0)
    empty = ReliabilityBin(0.6, 0.7, 0, None, None)
    assert _size(reliability_plot([filled])) == (368, 320)
    assert reliability_plot([filled, empty]) == reliability_plot([filled])
    assert reliability_plot([empty]) != reliability_plot([filled])


TIMES = np.datetime64("2024-01-01", "us") + np.arange(4) * np.timedelta64(1, "D")


def test_predictions_are_drawn_with_their_intervals():
    label = np.array([17.0, 17.2, 17.1, 17.4])
    output = np.column_stack([label, label - 0.1, label + 0.1])
    wide = np.column_stack([label, label - 0.5, label + 0.5])
    one, other = (predictions_plot(TIMES, label, of, coverage=0.9) for of in (output, wide))
    assert _size(one) == (560, 288)
    assert one != other


def test_the_gain_is_summed_in_the_order_of_time():
    gain = np.array([1.0, -2.0, 3.0, 0.5])
    drawn = gain_plot(TIMES, gain, baseline="the random walk")
    assert _size(drawn) == (560, 240)
    assert drawn == gain_plot(TIMES[::-1], gain[::-1], baseline="the random walk")
    assert drawn != gain_plot(TIMES, gain[::-1], baseline="the random walk")
