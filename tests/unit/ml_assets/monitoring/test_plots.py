from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import pytest
from PIL import Image

from ml_assets.monitoring.drift_rows import DriftRow
from ml_assets.monitoring.performance import PerformanceRow
from ml_assets.monitoring.plots import drift_heatmap, performance_plot

NOW = datetime(2025, 1, 1, tzinfo=UTC)
DRIFT = DriftRow(
    model="m", model_version=3, window_start=NOW, window_end=NOW, segment="all",
    feature="words", kind="feature", rows=1234, reference_rows=5000, nulls=0, minimum=0.0,
    maximum=9.0, out_of_range=0, psi=0.31, psi_noise_limit=0.05, js_distance=0.2, threshold=0.2,
    drifted=True, measured_at=NOW, run_id="r",
)  # fmt: skip
PERFORMANCE = PerformanceRow(
    model="m", model_version=3, window_start=NOW, window_end=NOW, segment="all",
    metric="accuracy", rows=1234, value=0.61, low=0.58, high=0.64, reference_value=0.7,
    threshold=0.65, degraded=True, measured_at=NOW, run_id="r",
)  # fmt: skip


def month(index: int) -> datetime:
    return datetime(2020 + index // 12, index % 12 + 1, 1, tzinfo=UTC)


def size(png: bytes | None) -> tuple[int, int]:
    assert png is not None
    assert len(png) < 60_000
    return Image.open(BytesIO(png)).size


def test_without_rows_there_is_no_plot() -> None:
    assert drift_heatmap([]) is None
    assert drift_heatmap([replace(DRIFT, segment="language=es")]) is None
    assert performance_plot([], "accuracy") is None
    assert performance_plot([PERFORMANCE], "macro_f1") is None


def test_one_cell_and_many_make_an_image_of_a_size_that_fits_run_metadata() -> None:
    one = size(drift_heatmap([DRIFT]))
    many = size(
        drift_heatmap(
            [
                replace(DRIFT, window_start=month(w), feature=f"feature_{f}", psi=(w * f % 7) / 10)
                for w in range(40)
                for f in range(40)
            ]
        )
    )
    assert many > one


@pytest.mark.parametrize("threshold", [None, 0.2])
def test_cells_that_are_not_judged_are_drawn_too(threshold: float | None) -> None:
    size(drift_heatmap([replace(DRIFT, threshold=threshold, drifted=False)]))


def test_drift_is_seen_in_the_picture() -> None:
    quiet = drift_heatmap([replace(DRIFT, psi=0.01, drifted=False)])
    assert quiet != drift_heatmap([DRIFT])


def test_performance_is_drawn_with_and_without_a_limit() -> None:
    rows = [replace(PERFORMANCE, window_start=month(index)) for index in range(30)]
    size(performance_plot(rows, "accuracy"))
    size(performance_plot([replace(PERFORMANCE, reference_value=None, threshold=None)], "accuracy"))
