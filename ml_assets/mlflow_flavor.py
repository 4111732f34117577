"""How `mlflow.pyfunc.load_model` reads a bundle: through this installed module, without pickle."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from ml_assets.bundle import MANIFEST, load_bundle
from ml_assets.extraction.declaration import ALGORITHM, load_extractor
from ml_assets.extraction.extractor import Extractor, values_by_field
from ml_assets.model import FittedModel, expected_value


class BundleModel:
    """A bundle behind MLflow's `predict`."""

    def __init__(self, model: FittedModel) -> None:
        self._model = model

    def predict(
        self, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """A frame with `prediction`, `confidence` and, for numbers, `prediction_value`.

        Of quantities: `prediction_value`, `interval_low`, `interval_high`; forecasts as changes
        from the anchor, which is no feature.
        """
        del params
        import pyarrow as pa

        output = self._model.output(pa.Table.from_pandas(model_input))
        if not self._model.classes:
            names = ["prediction_value", "interval_low", "interval_high"]
            return pd.DataFrame(output, columns=names, index=model_input.index)
        probabilities = output
        top = probabilities.argmax(axis=1)
        predictions = {
            "prediction": [self._model.classes[index] for index in top],
            "confidence": probabilities.max(axis=1),
        }
        expected = expected_value(probabilities, self._model.classes)
        if expected is not None:
            predictions["prediction_value"] = expected
        return pd.DataFrame(predictions, index=model_input.index)


class ExtractorModel:
    """An extractor behind MLflow's `predict`."""

    def __init__(self, extractor: Extractor) -> None:
        self._extractor = extractor

    def predict(
        self, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """A frame with a column per field: the list of its different values in each row."""
        del params
        import pyarrow as pa

        texts = self._extractor.texts(pa.Table.from_pandas(model_input))
        found = [values_by_field(row) for row in self._extractor.mentions(texts)]
        columns = {name: [row.get(name, []) for row in found] for name in self._extractor.fields}
        return pd.DataFrame(columns, index=model_input.index)


def _load_pyfunc(path: str) -> BundleModel | ExtractorModel:
    """MLflow's entry point: the bundle in the folder."""
    folder = Path(path)
    if json.loads((folder / MANIFEST).read_text()).get("task") == ALGORITHM:
        return ExtractorModel(load_extractor(folder))
    return BundleModel(load_bundle(folder).model)
