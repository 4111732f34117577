"""A model on disk without pickle: plain files under a manifest with their hashes.

The manifest, `bundle.json`, holds the SHA-256 of every file; its own hash names the whole. Loading
checks every hash and refuses any type that is not trusted (`predictor_files`).
"""

import hashlib
import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lakehouse.errors import TidemarkError
from ml_assets.estimator_source import source_identity
from ml_assets.frames import FeatureColumns
from ml_assets.interval_scale import IntervalScale
from ml_assets.model import EstimatorSource, FittedModel
from ml_assets.predictor_files import (
    PredictorFiles,
    load_predictor,
    load_skops,
    save_predictor,
)

_log = logging.getLogger(__name__)
MANIFEST = "bundle.json"
_PREPROCESSING = "preprocessing.skops"
_REFERENCE = "reference.json"
_FORMAT = 3


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
    predictor = save_predictor(model.predictor, folder, own=model.estimator)
    (folder / _REFERENCE).write_text(json.dumps(reference, sort_keys=True))
    manifest = {
        "format": _FORMAT,
        "algorithm": model.algorithm,
        "classes": list(model.classes),
        "predictor": asdict(predictor),
        "parameters": dict(model.parameters),
        "estimator": None if model.estimator is None else asdict(model.estimator),
        "coverage": model.coverage,
        "interval_scale": None if model.interval_scale is None else asdict(model.interval_scale),
        "text": list(model.columns.text),
        "categorical": list(model.columns.categorical),
        "numeric": list(model.columns.numeric),
        "files": {
            file.relative_to(folder).as_posix(): _sha256(file)
            for file in sorted(folder.rglob("*"))
            if file.is_file()
        },
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
    manifest = _first_format_as_now(manifest)
    own = None if manifest["estimator"] is None else EstimatorSource(**manifest["estimator"])
    if own is not None:
        _check_own(own, folder, is_verified=expected_hash is not None)
    predictor = PredictorFiles(
        kind=manifest["predictor"]["kind"],
        interval=tuple(manifest["predictor"]["interval"]),
        parts=tuple(manifest["predictor"]["parts"]),
    )
    classes, scale = tuple(manifest["classes"]), manifest["interval_scale"]
    model = FittedModel(
        algorithm=manifest["algorithm"],
        columns=_columns(manifest),
        classes=classes,
        preprocessing=_load_preprocessing(folder, manifest),
        predictor=load_predictor(folder, predictor, n_classes=len(classes), own=own),
        coverage=manifest["coverage"],
        interval_scale=None if scale is None else IntervalScale(**scale),
        parameters=manifest["parameters"],
        estimator=own,
    )
    return Bundle(model=model, bundle_hash=bundle_hash)


def read_reference(folder: Path) -> dict[str, Any]:
    """The monitors' reference distributions that were saved with the model."""
    reference: dict[str, Any] = json.loads((folder / _REFERENCE).read_text())
    return reference


def _check_own(own: EstimatorSource, folder: Path, *, is_verified: bool) -> None:
    """A class of one's own is trusted because the spec names it, which the bundle's hash proves."""
    if not is_verified:
        raise TidemarkError(
            f"The model in {folder} is of the class {own.class_path}, which only the platform's own"
            " record can vouch for.",
            hint="Load it by load_bundle(folder, expected_hash=...) with the bundle_hash of"
            " ml.model_versions.",
        )
    if source_identity(own.class_path) != own.identity:
        _log.warning(
            "The code of %s has changed since the model in %s was fitted by it.",
            own.class_path, folder,
        )  # fmt: skip


def _first_format_as_now(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest with what bundles of classifiers lacked before there was anything else."""
    if manifest["format"] != 1:
        return manifest
    (part,) = (name for name in manifest["files"] if name.startswith("predictor."))
    kind = "classifier" if part.endswith(".skops") else "booster"
    predictor = {"kind": kind, "interval": [], "parts": [part]}
    return {
        "coverage": None,
        "interval_scale": None,
        "parameters": {},
        "estimator": None,
        "predictor": predictor,
    } | manifest


def _columns(manifest: dict[str, Any]) -> FeatureColumns:
    return FeatureColumns(
        text=tuple(manifest["text"]),
        categorical=tuple(manifest["categorical"]),
        numeric=tuple(manifest["numeric"]),
    )


def _load_preprocessing(folder: Path, manifest: dict[str, Any]) -> Any:
    return load_skops(folder / _PREPROCESSING) if _PREPROCESSING in manifest["files"] else None


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _changed(file: Path, expected: str, found: str) -> TidemarkError:
    return TidemarkError(
        f"{file} is not what was saved: SHA-256 {found[:12]}..., expected {expected[:12]}...",
        hint="The file was changed or damaged. Restore it from a backup, or train again.",
    )
