"""A model on disk without pickle: skops for scikit-learn parts, LightGBM's own text format.

A bundle is a folder of plain files under a manifest, `bundle.json`, that holds their SHA-256
hashes; the hash of the manifest names the whole. Loading checks every hash and refuses any type
that is not on the list below.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lakehouse.errors import TidemarkError
from ml_assets.frames import FeatureColumns
from ml_assets.interval_scale import IntervalScale
from ml_assets.model import (
    BoosterPredictor,
    FittedModel,
    Predictor,
    QuantityPredictor,
    SklearnPredictor,
)

MANIFEST = "bundle.json"
_PREPROCESSING = "preprocessing.skops"
_SKLEARN = "predictor.skops"
_REFERENCE = "reference.json"
_LIGHTGBM = "predictor.lightgbm.txt"
_TRUSTED_TYPES = ("ml_assets.algorithms.text_features.FrequentTerms", "numpy.dtype")
_FORMAT = 2


@dataclass(frozen=True)
class Bundle:
    """A loaded model with the hash that identifies it."""

    model: FittedModel
    bundle_hash: str


def save_bundle(model: FittedModel, folder: Path, *, reference: dict[str, Any]) -> str:
    """Writes the model into the (empty) folder and returns the bundle's hash.

    Args:
        model: What to write.
        folder: Where to; made if it is missing.
        reference: The monitors' reference distributions (JSON), which belong to the version.
    """
    import skops.io

    folder.mkdir(parents=True, exist_ok=True)
    if model.preprocessing is not None:
        skops.io.dump(model.preprocessing, folder / _PREPROCESSING)
    _save_estimator(_estimator(model), folder)
    (folder / _REFERENCE).write_text(json.dumps(reference, sort_keys=True))
    manifest = {
        "format": _FORMAT,
        "algorithm": model.algorithm,
        "classes": list(model.classes),
        "interval": _interval(model),
        "coverage": model.coverage,
        "interval_scale": None if model.interval_scale is None else asdict(model.interval_scale),
        "text": list(model.columns.text),
        "categorical": list(model.columns.categorical),
        "numeric": list(model.columns.numeric),
        "files": {file.name: _sha256(file) for file in sorted(folder.iterdir())},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True))
    return _sha256(folder / MANIFEST)


def load_bundle(folder: Path, *, expected_hash: str | None = None) -> Bundle:
    """The model in the folder.

    Args:
        folder: A bundle's folder.
        expected_hash: What `save_bundle` returned; None to take the bundle as it is.

    Raises:
        TidemarkError: A file is missing, was changed, or holds a type that is not trusted.
    """
    manifest_file = folder / MANIFEST
    if not manifest_file.exists():
        raise TidemarkError(
            f"There is no model in {folder}: {MANIFEST} is missing.",
            hint="Restore the lake's artifacts, or train the model again.",
        )
    bundle_hash = _sha256(manifest_file)
    if expected_hash is not None and bundle_hash != expected_hash:
        raise _changed(manifest_file, expected_hash, bundle_hash)
    manifest = json.loads(manifest_file.read_text())
    for name, expected in manifest["files"].items():
        if not (folder / name).exists():
            raise TidemarkError(
                f"The model in {folder} is incomplete: {name} is missing.",
                hint="Restore the lake's artifacts, or train the model again.",
            )
        found = _sha256(folder / name)
        if found != expected:
            raise _changed(folder / name, expected, found)
    scale = manifest.get("interval_scale")
    model = FittedModel(
        algorithm=manifest["algorithm"],
        columns=FeatureColumns(
            text=tuple(manifest["text"]),
            categorical=tuple(manifest["categorical"]),
            numeric=tuple(manifest["numeric"]),
        ),
        classes=tuple(manifest["classes"]),
        preprocessing=_load_skops(folder / _PREPROCESSING, manifest),
        predictor=_load_predictor(folder, manifest),
        # Bundles of format 1 are of classes only, and say nothing of intervals.
        coverage=manifest.get("coverage"),
        interval_scale=None if scale is None else IntervalScale(**scale),
    )
    return Bundle(model=model, bundle_hash=bundle_hash)


def read_reference(folder: Path) -> dict[str, Any]:
    """The monitors' reference distributions that were saved with the model."""
    reference: dict[str, Any] = json.loads((folder / _REFERENCE).read_text())
    return reference


def _estimator(model: FittedModel) -> Any:
    """What was fitted, inside the predictor."""
    match model.predictor:
        case BoosterPredictor(booster=fitted) | SklearnPredictor(estimator=fitted):
            return fitted
        case QuantityPredictor(regressor=fitted):
            return fitted
    raise TypeError(f"No file format for {type(model.predictor).__name__}.")


def _interval(model: FittedModel) -> list[float] | None:
    predictor = model.predictor
    return [predictor.low, predictor.high] if isinstance(predictor, QuantityPredictor) else None


def _save_estimator(estimator: Any, folder: Path) -> None:
    import lightgbm
    import skops.io

    if isinstance(estimator, lightgbm.Booster):
        estimator.save_model(folder / _LIGHTGBM)
    else:
        skops.io.dump(estimator, folder / _SKLEARN)


def _load_predictor(folder: Path, manifest: dict[str, Any]) -> Predictor:
    booster = _LIGHTGBM in manifest["files"]
    if booster:
        import lightgbm

        estimator = lightgbm.Booster(model_file=folder / _LIGHTGBM)
    else:
        estimator = _load_skops(folder / _SKLEARN, manifest)
    if manifest.get("interval") is not None:
        return QuantityPredictor(estimator, *manifest["interval"])
    if booster:
        return BoosterPredictor(estimator)
    return SklearnPredictor(estimator, len(manifest["classes"]))


def _load_skops(file: Path, manifest: dict[str, Any]) -> Any:
    if file.name not in manifest["files"]:
        return None
    import skops.io

    untrusted = set(skops.io.get_untrusted_types(file=file)) - set(_TRUSTED_TYPES)
    if untrusted:
        raise TidemarkError(
            f"{file} holds types that are not trusted: {', '.join(sorted(untrusted))}.",
            hint="Load only models that this platform trained; train the model again.",
        )
    return skops.io.load(file, trusted=list(_TRUSTED_TYPES))


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _changed(file: Path, expected: str, found: str) -> TidemarkError:
    return TidemarkError(
        f"{file} is not what was saved: SHA-256 {found[:12]}..., expected {expected[:12]}...",
        hint="The file was changed or damaged. Restore it from a backup, or train again.",
    )
