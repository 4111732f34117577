"""Predictors as plain files: LightGBM's own text, skops for scikit-learn, or what a class writes.

Nothing is pickled. An estimator of one's own is kept by skops, its own package being trusted
because the spec names it, or by its own methods `save(folder)` and `load(folder)`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lakehouse.errors import TidemarkError
from ml_assets.estimator_class import load_class
from ml_assets.model import (
    BoosterPredictor,
    EstimatorSource,
    Predictor,
    QuantilePredictor,
    QuantityPredictor,
    SklearnPredictor,
)

# `partial` and `check_array` are how histogram boosting encodes categories: a function inside a
# partial must be trusted by itself, so nothing else comes in with it.
TRUSTED_TYPES = (
    "functools.partial",
    "ml_assets.algorithms.columns.EmptyColumnsAsZero",
    "ml_assets.algorithms.columns.PandasFrame",
    "ml_assets.algorithms.proportional_odds.ProportionalOdds",
    "ml_assets.algorithms.text_features.FrequentTerms",
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils.validation.check_array",
)
_PREDICTOR = "predictor"


@dataclass(frozen=True)
class PredictorFiles:
    """Where the parts of a predictor are, and the numbers that belong to it.

    Attributes:
        kind: Of the predictor.
        interval: Numbers of the interval; none of classes.
        parts: File or folder of each fitted estimator.
    """

    kind: str
    interval: tuple[float, ...]
    parts: tuple[str, ...]


def save_predictor(
    predictor: Predictor, folder: Path, *, own: EstimatorSource | None
) -> PredictorFiles:
    """Writes the predictor into the folder.

    Raises:
        TidemarkError: An estimator of one's own cannot be written without pickle.
        TypeError: The platform has no format for such a predictor.
    """
    interval: tuple[float, ...] = ()
    match predictor:
        case BoosterPredictor(booster=booster):
            kind, fitted = "booster", {_PREDICTOR: booster}
        case SklearnPredictor(estimator=estimator):
            kind, fitted = "classifier", {_PREDICTOR: estimator}
        case QuantityPredictor(regressor=regressor, low=low, high=high):
            kind, fitted, interval = "quantity", {_PREDICTOR: regressor}, (low, high)
        case QuantilePredictor(lower=lower, median=median, upper=upper, margin=margin):
            kind, interval = "quantiles", (margin,)
            fitted = {
                f"{_PREDICTOR}-lower": lower,
                _PREDICTOR: median,
                f"{_PREDICTOR}-upper": upper,
            }
        case _:
            raise TypeError(f"No file format for {type(predictor).__name__}.")
    parts = tuple(_save(estimator, folder, name, own) for name, estimator in fitted.items())
    return PredictorFiles(kind, interval, parts)


def load_predictor(
    folder: Path, files: PredictorFiles, *, n_classes: int, own: EstimatorSource | None
) -> Predictor:
    """The predictor in the folder.

    Raises:
        TidemarkError: A file holds a type that is not trusted, or the class cannot be imported.
    """
    parts = [_load(folder / name, own) for name in files.parts]
    match files.kind:
        case "booster":
            return BoosterPredictor(*parts)
        case "classifier":
            return SklearnPredictor(parts[0], n_classes)
        case "quantity":
            return QuantityPredictor(*parts, *files.interval)
        case "quantiles":
            return QuantilePredictor(*parts, *files.interval)
    raise TidemarkError(
        f"{folder} holds a predictor of the kind '{files.kind}', which this version does not know.",
        hint="Use the platform's version that trained it, or train again.",
    )


def load_skops(file: Path, *, trusted: Iterable[str] = ()) -> Any:
    """The object in the file.

    Raises:
        TidemarkError: It holds a type that neither skops, nor the platform, nor `trusted` (names of
            packages) vouches for.
    """
    import skops.io

    types = skops.io.get_untrusted_types(file=file)
    refused = _refused(types, trusted)
    if refused:
        raise TidemarkError(
            f"{file} holds types that are not trusted: {', '.join(refused)}.",
            hint="Load only models that this platform trained; train the model again.",
        )
    return skops.io.load(file, trusted=types)


def _refused(types: Iterable[str], packages: Iterable[str]) -> list[str]:
    own = tuple(f"{package}." for package in packages)
    return sorted(name for name in set(types) - set(TRUSTED_TYPES) if not name.startswith(own))


def _save(estimator: Any, folder: Path, name: str, own: EstimatorSource | None) -> str:
    """Name of the file or folder that was written."""
    import lightgbm
    import skops.io

    if isinstance(estimator, lightgbm.Booster):
        estimator.save_model(folder / f"{name}.lightgbm.txt")
        return f"{name}.lightgbm.txt"
    file = f"{name}.skops"
    if own is None:
        skops.io.dump(estimator, folder / file)
        return file
    if _has_own_format(type(estimator)):
        place = folder / f"{name}.files"
        place.mkdir()
        estimator.save(place)
        return place.name
    try:
        skops.io.dump(estimator, folder / file)
        refused = _refused(skops.io.get_untrusted_types(file=folder / file), [_package(own)])
    except Exception as error:
        # skops raises what its many formats raise; the estimator's maker needs to know of all.
        raise _not_kept(own, f"{type(error).__name__}: {error}") from error
    if refused:
        raise _not_kept(own, f"it holds {', '.join(refused)}")
    return file


def _load(path: Path, own: EstimatorSource | None) -> Any:
    if path.suffix == ".txt":
        import lightgbm

        return lightgbm.Booster(model_file=path)
    if own is None:
        return load_skops(path)
    kind = load_class(own.class_path)
    return kind.load(path) if path.is_dir() else load_skops(path, trusted=[_package(own)])


def _has_own_format(kind: type[Any]) -> bool:
    return callable(getattr(kind, "save", None)) and callable(getattr(kind, "load", None))


def _package(own: EstimatorSource) -> str:
    return own.class_path.partition(".")[0]


def _not_kept(own: EstimatorSource, reason: str) -> TidemarkError:
    return TidemarkError(
        f"The fitted {own.class_path} cannot be written without pickle: {reason}.",
        hint=f"Keep in it only numpy arrays, plain values, scikit-learn's estimators and classes of"
        f" {_package(own)}; or give it save(folder) and a class method load(folder).",
    )
