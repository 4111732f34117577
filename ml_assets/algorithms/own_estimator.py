"""A class of one's own with scikit-learn's interface, fitted like any other algorithm."""

import inspect
from typing import Any

import numpy as np

from lakehouse.errors import TidemarkError
from ml_assets.algorithms.columns import PandasFrame, dense_matrix
from ml_assets.algorithms.rows import TrainingRows
from ml_assets.estimator_class import estimator_faults, load_class
from ml_assets.estimator_source import source_identity
from ml_assets.model import (
    EstimatorSource,
    FittedModel,
    Predictor,
    QuantityPredictor,
    SklearnPredictor,
)
from ml_assets.spec.algorithm import Estimator

# The output on so many training rows is looked at before the model is taken for one.
_PROBED_ROWS = 100


def fit_own_estimator(rows: TrainingRows, algorithm: Estimator) -> FittedModel:
    """The spec's class fitted on the rows.

    `fit(rows, label)` is given class indices 0..k-1 or numbers, and `sample_weight` where the spec
    balances by weights. The spec's seed goes to a parameter `random_state` that is not given.

    Raises:
        TidemarkError: The class cannot be used, fails, or gives what is no prediction.
    """
    fault = next(iter(estimator_faults(algorithm, classes=bool(rows.classes))), None)
    if fault is not None:
        near = f"Did you mean {fault.nearest}?" if fault.nearest else ""
        allowed = f"Allowed: {fault.allowed}." if fault.allowed else ""
        hint = f"{near} {allowed}".strip() or "`tidemark check` shows where the spec says so."
        raise TidemarkError(fault.message, hint=hint)
    found = load_class(algorithm.class_path)
    parameters = dict(algorithm.parameters)
    if "random_state" in inspect.signature(found).parameters:
        parameters.setdefault("random_state", rows.seed)
    estimator = found(**parameters)
    if algorithm.input == "frame":
        preprocessing: Any = PandasFrame()
    else:
        preprocessing = dense_matrix(rows.columns, algorithm.preprocessing, seed=rows.seed)
    features = preprocessing.fit_transform(rows.frame)
    _call(estimator, "fit", features, rows.label, **_weights(estimator, rows))
    predictor: Predictor
    if rows.classes:
        _check_classes(estimator, features[:_PROBED_ROWS], rows)
        predictor = SklearnPredictor(estimator, len(rows.classes))
    else:
        _check_numbers(estimator, features[:_PROBED_ROWS])
        predictor = QuantityPredictor(estimator, 0.0, 0.0)
    return FittedModel(
        algorithm="estimator",
        columns=rows.columns,
        classes=rows.classes,
        preprocessing=preprocessing,
        predictor=predictor,
        estimator=EstimatorSource(algorithm.class_path, source_identity(algorithm.class_path)),
    )


def _weights(estimator: Any, rows: TrainingRows) -> dict[str, Any]:
    if rows.weights is None:
        return {}
    arguments = inspect.signature(estimator.fit).parameters
    takes_any = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in arguments.values())
    if "sample_weight" not in arguments and not takes_any:
        raise TidemarkError(
            f"{_name(estimator)}.fit takes no sample_weight, which balancing by weights needs.",
            hint="Use balancing method undersampling or none, or let fit take sample_weight.",
        )
    return {"sample_weight": rows.weights}


def _check_classes(estimator: Any, features: Any, rows: TrainingRows) -> None:
    seen = getattr(estimator, "classes_", None)
    expected = np.unique(rows.label)
    if seen is None or not np.array_equal(np.asarray(seen), expected):
        raise TidemarkError(
            f"{_name(estimator)} has classes_ {seen if seen is None else list(seen)} after fit,"
            f" not {expected.tolist()}, the labels that it was given.",
            hint="Set self.classes_ = numpy.unique(y) in fit, as scikit-learn's classifiers do.",
        )
    output = np.asarray(_call(estimator, "predict_proba", features), dtype=np.float64)
    shape = (features.shape[0], len(expected))
    if output.shape != shape:
        _refuse(estimator, "predict_proba", f"the shape {output.shape}", f"{shape}")
    if not (np.isfinite(output).all() and np.allclose(output.sum(axis=1), 1.0, atol=1e-6)):
        _refuse(estimator, "predict_proba", "rows that do not sum to 1", "probabilities")


def _check_numbers(estimator: Any, features: Any) -> None:
    output = np.asarray(_call(estimator, "predict", features), dtype=np.float64)
    shape = (features.shape[0],)
    if output.shape != shape:
        _refuse(estimator, "predict", f"the shape {output.shape}", f"{shape}")
    if not np.isfinite(output).all():
        _refuse(estimator, "predict", "missing or infinite values", "finite numbers")


def _refuse(estimator: Any, method: str, seen: str, expected: str) -> None:
    raise TidemarkError(
        f"{_name(estimator)}.{method} gives {seen}, where {expected} was expected.",
        hint="An estimator of the platform follows scikit-learn's interface.",
    )


def _call(estimator: Any, method: str, *arguments: Any, **options: Any) -> Any:
    try:
        return getattr(estimator, method)(*arguments, **options)
    except Exception as error:
        # The code of others may raise anything; what it says is for the person who wrote it.
        raise TidemarkError(
            f"{_name(estimator)}.{method} failed: {type(error).__name__}: {error}",
            hint="The traceback is in the run's log; the estimator's code is the place to look.",
        ) from error


def _name(estimator: Any) -> str:
    return f"{type(estimator).__module__}.{type(estimator).__qualname__}"
