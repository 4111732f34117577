"""Drift: our one SQL pass over all windows and segments against a frame and numpy."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.reviews import FEATURES, write_features

_BINS = "bins.json"
_LANGUAGES = ("en", "es", "pt")
_WINDOW = "date_trunc('month', review_at::timestamptz)"


def prepare(folder: Path, rows: int) -> None:
    """The feature table, and bins laid by it."""
    import duckdb

    from ml_assets.frames import FeatureColumns
    from ml_assets.monitoring.binning import lay_bins

    write_features(folder, rows)
    columns = FeatureColumns(
        text=("title", "text"),
        categorical=("language", "verified_purchase"),
        numeric=(
            *("title_words", "text_words", "exclamation_marks", "question_marks"),
            *("uppercase_share", "digit_share"),
        ),
    )
    query, parameters = "from read_parquet($file)", {"file": str(folder / FEATURES)}
    with duckdb.connect() as engine:
        bins = lay_bins(engine, columns, rows=query, sample=query, parameters=parameters)
    (folder / _BINS).write_text(json.dumps([asdict(one) for one in bins]))


def tidemark(inputs: Path, output: Path) -> None:
    """`count_bins`, as the drift asset calls it."""
    import duckdb

    from ml_assets.monitoring.counting import count_bins
    from ml_assets.monitoring.distributions import FeatureBins

    bins = [
        FeatureBins(**one | {"edges": tuple(one["edges"]), "values": tuple(one["values"])})
        for one in json.loads((inputs / _BINS).read_text())
    ]
    with duckdb.connect(config={"threads": "2"}) as engine:
        engine.execute("set TimeZone = 'UTC'")
        groups = count_bins(
            engine,
            bins,
            rows="from read_parquet($file)",
            parameters={"file": str(inputs / FEATURES)},
            segments={"language": _LANGUAGES},
            window=_WINDOW,
        )
    counts = {
        f"{group.window_start:%Y-%m} {group.segment} {one.name}": list(feature.counts)
        for group in groups
        for one, feature in zip(bins, group.features, strict=True)
    }
    _write(output, counts)


def pandas(inputs: Path, output: Path) -> None:
    """The whole table as a frame; each feature is binned once, then counted group by group."""
    import numpy as np
    import pandas as pd

    frame = pd.read_parquet(inputs / FEATURES)
    bins = json.loads((inputs / _BINS).read_text())
    places = {one["name"]: _places(frame, one) for one in bins}
    counts: dict[str, list[int]] = {}
    months = frame["review_at"].dt.strftime("%Y-%m").to_numpy()
    for month in np.unique(months):
        segments = {"all": months == month}
        for language in _LANGUAGES:
            segments[f"language={language}"] = segments["all"] & (
                frame["language"].to_numpy() == language
            )
        for segment, chosen in segments.items():
            if chosen.any():
                for one in bins:
                    n_bins = len(one["values"] or one["edges"]) + 2
                    counted = np.bincount(places[one["name"]][chosen], minlength=n_bins)
                    counts[f"{month} {segment} {one['name']}"] = counted.tolist()
    _write(output, counts)


def _places(frame: Any, bins: dict[str, Any]) -> Any:
    """The bin of each row: the last one holds nulls."""
    import numpy as np
    import pandas as pd

    column = frame[bins["column"]]
    if bins["kind"] == "categorical":
        values = column.astype(str).replace({"True": "true", "False": "false"})
        places = pd.Categorical(values, categories=bins["values"]).codes + 1
        return np.where(column.isna(), len(bins["values"]) + 1, places)
    numbers = column.str.len() if bins["kind"] == "text_length" else column
    numbers = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    places = np.searchsorted(bins["edges"], numbers, side="left")
    return np.where(np.isfinite(numbers), places, len(bins["edges"]) + 1)


def _write(output: Path, counts: dict[str, list[int]]) -> None:
    (output / "counts.json").write_text(json.dumps(counts))


def fingerprint(output: Path) -> dict[str, Any]:
    """All counts, and the rows that they are of."""
    counts: dict[str, Any] = json.loads((output / "counts.json").read_text())
    rows = sum(sum(value) for name, value in counts.items() if name.endswith(" all text_words"))
    return {"rows": rows, **counts}
