"""Scoring: our streaming task against a whole pandas frame through the same fitted model.

Everyone loads the model, reads Parquet and writes Parquet in the time that is measured.
"""

import platform
from pathlib import Path
from typing import Any

from bench.reviews import FEATURES, write_features

_BUNDLE = "bundle"
_SPEC = "reviews_rating.yaml"
_TRAINING_ROWS = 20_000
# What MLflow itself writes for a model of that loader; importing MLflow for it takes seconds.
_MLMODEL = f"""\
flavors:
  python_function:
    data: .
    loader_module: ml_assets.mlflow_flavor
    python_version: {platform.python_version()}
"""


def prepare(folder: Path, rows: int) -> None:
    """The feature table, and a model fitted on its first rows."""
    import numpy as np
    import pyarrow.parquet as pq

    from ml_assets.bundle import save_bundle
    from ml_assets.labels import labels_of
    from ml_assets.training import fit

    write_features(folder, rows)
    spec = _spec()
    table = pq.read_table(folder / FEATURES).slice(0, _TRAINING_ROWS)
    bundle = folder / _BUNDLE
    bundle_hash = save_bundle(
        fit(spec, table, labels_of(table, spec), np.arange(table.num_rows)).model,
        bundle,
        reference={},
    )
    (folder / "bundle_hash").write_text(bundle_hash)
    (bundle / "MLmodel").write_text(_MLMODEL)


def tidemark(inputs: Path, output: Path) -> None:
    """`score_task`, as the scoring asset runs it."""
    from ml_assets.scoring import score_task
    from ml_assets.task_engine import Task

    parameters = {
        "bundle": str(inputs / _BUNDLE),
        "bundle_hash": (inputs / "bundle_hash").read_text(),
        "entity_key": "review_id",
        "model_version": 2,
        "training_set_hash": "-",
        "features_version": "-",
        "snapshot_id": 1,
        "scored_at": "2026-01-01T00:00:00+00:00",
        "run_id": "bench",
    }
    score_task(Task("0", (str(inputs / FEATURES),), parameters, str(output)))


def pyfunc(inputs: Path, output: Path) -> None:
    """MLflow's own way, on the same bundle."""
    import mlflow.pyfunc
    import pandas as pd

    frame = pd.read_parquet(inputs / FEATURES)
    scored = mlflow.pyfunc.load_model(str(inputs / _BUNDLE)).predict(frame)
    scored.insert(0, "entity_key", frame["review_id"])
    scored["prediction"] = scored["prediction"].astype(str)
    scored.to_parquet(output / "scores.parquet")


def sklearn(inputs: Path, output: Path) -> None:
    """The same fitted scikit-learn parts on a pandas frame, without anything of ours around."""
    import pandas as pd

    from ml_assets.bundle import load_bundle

    model = load_bundle(inputs / _BUNDLE).model
    frame = pd.read_parquet(inputs / FEATURES)
    columns = model.columns
    texts, codes = list(columns.text), list(columns.categorical)
    features = frame[list(columns.all)].copy()
    features[texts] = features[texts].fillna("")
    codes_text = features[codes].astype(str).where(features[codes].notna(), "(missing)")
    features[codes] = codes_text.replace({"True": "true", "False": "false"})
    probabilities = model.predictor.output(model.preprocessing.transform(features))
    scores = pd.DataFrame(
        {
            "entity_key": frame["review_id"],
            "prediction": [str(model.classes[top]) for top in probabilities.argmax(axis=1)],
            "confidence": probabilities.max(axis=1),
        }
    )
    scores.to_parquet(output / "scores.parquet")


def fingerprint(output: Path) -> dict[str, Any]:
    """Rows by predicted class, and the sum of confidence."""
    import duckdb

    with duckdb.connect() as connection:
        found = connection.execute(
            "select prediction, count(*), sum(confidence), count(distinct entity_key)"
            " from read_parquet($file) group by all order by all",
            {"file": str(output / "*.parquet")},
        ).fetchall()
    return {
        "rows": sum(row[1] for row in found),
        "confidence": round(sum(row[2] for row in found), 3),
        **{f"keys of {row[0]}": row[3] for row in found},
    }


def _spec() -> Any:

    from ml_assets.spec.loading import parse_spec

    file = Path(__file__).resolve().parent.parent / "ml_assets" / "specs" / _SPEC
    parsed = parse_spec(file.read_text(), _SPEC)
    if parsed.spec is None:
        raise RuntimeError("; ".join(error.render() for error in parsed.errors))
    return parsed.spec
