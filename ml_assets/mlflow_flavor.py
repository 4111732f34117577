"""How `mlflow.pyfunc.load_model` reads a bundle: through this installed module, without pickle."""

from pathlib import Path
from typing import Any

import pandas as pd

from ml_assets.bundle import load_bundle
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


def _load_pyfunc(path: str) -> BundleModel:
    """MLflow's entry point: the bundle in the folder."""
    return BundleModel(load_bundle(Path(path)).model)
