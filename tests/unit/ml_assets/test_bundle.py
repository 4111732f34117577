"""Bundles: what comes back is what was saved, and nothing else is loaded."""

import hashlib
import json

import numpy as np
import pyarrow as pa
import pytest

from lakehouse.errors import TidemarkError
from ml_assets.algorithms.baseline import fit_class_baseline
from ml_assets.bundle import MANIFEST, load_bundle, read_reference, save_bundle
from ml_assets.frames import FeatureColumns
from ml_assets.mlflow_flavor import _load_pyfunc
from ml_assets.model import FittedModel
from ml_assets.spec.algorithm import TASKS
from ml_assets.spec.document import ModelSpec
from ml_assets.training import fit

REFERENCE = {"features": {"words": [1, 2.5, None]}}
ALGORITHMS = ["baseline", "linear_text", "lightgbm"]
TABLE = pa.table(
    {
        "text": [("good fine", "bad awful", None)[i % 3] for i in range(90)],
        "language": [("en", "es", None)[i % 3] for i in range(90)],
        "words": pa.array([None if i % 7 == 0 else i for i in range(90)], pa.int32()),
        "at": pa.array(np.datetime64("2026-01-01", "us") + np.arange(90) * np.timedelta64(1, "D")),
    }
)
LABEL = np.arange(90) % 3


@pytest.fixture(scope="module")
def models():
    """A fitted model of each algorithm."""
    made = {"baseline": fit_class_baseline(LABEL, (1, 2, 3))}
    for name, parameters in (("linear_text", {}), ("lightgbm", {"trees": 5, "text_components": 2})):
        spec = ModelSpec.model_validate(
            {
                "name": "stars",
                "task": "ordinal",
                "table": "features",
                "entity_key": "id",
                "event_time": "at",
                "label": {"column": "stars", "classes": (1, 2, 3)},
                "features": {
                    "text": ("text",), "categorical": ("language",), "numeric": ("words",),
                },
                "algorithm": {"name": name, "parameters": parameters},
                "split": {"holdout": 0.25},
            }
        )  # fmt: skip
        made[name] = fit(spec, TABLE, LABEL, np.arange(len(LABEL))).model
    return made


@pytest.fixture
def saved(models, tmp_path):
    def save(algorithm: str):
        folder = tmp_path / algorithm
        return folder, save_bundle(models[algorithm], folder, reference=REFERENCE)

    return save


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_model_comes_back_as_it_was(models, saved, algorithm):
    folder, bundle_hash = saved(algorithm)
    bundle = load_bundle(folder, expected_hash=bundle_hash)
    ours, theirs = models[algorithm], bundle.model
    assert bundle.bundle_hash == bundle_hash
    assert (theirs.algorithm, theirs.columns, theirs.classes) == (
        ours.algorithm, ours.columns, ours.classes,
    )  # fmt: skip
    np.testing.assert_allclose(theirs.output(TABLE), ours.output(TABLE), rtol=0, atol=1e-12)
    assert read_reference(folder) == REFERENCE


_FEW = {"trees": 3, "text_components": 2, "min_rows_per_leaf": 5}
_PARAMETERS = {"lightgbm": _FEW, "quantile": _FEW, "hist_gradient_boosting": _FEW}
_CLASSES = ("classification", "ordinal")
# A class of scikit-learn's is as good as one's own; those are tested by themselves.
_PAIRS = [
    (algorithm, task)
    for algorithm, tasks in TASKS.items()
    for task in tasks
    if algorithm != "estimator"
]


@pytest.mark.parametrize(("algorithm", "task"), _PAIRS)
def test_every_algorithm_of_every_task_comes_back_byte_for_byte(algorithm, task, tmp_path):
    of_classes = task in _CLASSES
    spec = ModelSpec.model_validate(
        {
            "name": "stars",
            "task": task,
            "table": "features",
            "entity_key": "id",
            "event_time": "at",
            "label": {"column": "stars", "classes": (1, 2, 3) if of_classes else ()},
            "features": {"text": ("text",), "categorical": ("language",), "numeric": ("words",)},
            "algorithm": {"name": algorithm, "parameters": _PARAMETERS.get(algorithm, {})},
            "split": {"holdout": 0.25, "folds": 0 if of_classes else 2},
            "forecast": {"anchor": "last", "horizon": 2} if task == "forecast" else None,
        }
    )
    label = LABEL if of_classes else LABEL + np.linspace(0, 1, len(LABEL))
    ours = fit(spec, TABLE, label, np.arange(len(label))).model
    bundle_hash = save_bundle(ours, tmp_path / "bundle", reference={})
    theirs = load_bundle(tmp_path / "bundle", expected_hash=bundle_hash).model
    np.testing.assert_array_equal(theirs.output(TABLE), ours.output(TABLE))
    assert (theirs.coverage, theirs.parameters) == (ours.coverage, ours.parameters)
    assert theirs.parameters == spec.algorithm.parameters.model_dump()
    assert not [file for file in (tmp_path / "bundle").rglob("*") if b"pickle" in file.read_bytes()]


@pytest.mark.parametrize("algorithm", ["linear_text", "lightgbm"])
def test_bundles_of_the_first_format_are_still_read(models, saved, algorithm):
    folder, _ = saved(algorithm)
    manifest = json.loads((folder / MANIFEST).read_text()) | {"format": 1}
    for name in ("predictor", "parameters", "estimator", "coverage"):
        del manifest[name]
    (folder / MANIFEST).write_text(json.dumps(manifest))
    model = load_bundle(folder).model
    np.testing.assert_allclose(model.output(TABLE), models[algorithm].output(TABLE), atol=1e-12)
    assert (model.coverage, model.parameters) == (None, {})


def test_a_predictor_of_a_kind_to_come_is_refused(saved):
    folder, _ = saved("linear_text")
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["predictor"]["kind"] = "oracle"
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(TidemarkError, match="the kind 'oracle', which this version does not know"):
        load_bundle(folder)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_change_in_any_file_is_found(saved, algorithm):
    folder, bundle_hash = saved(algorithm)
    files = sorted(path for path in folder.iterdir())
    assert len(files) == (3 if algorithm == "baseline" else 4)
    for file in files:
        content = file.read_bytes()
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(TidemarkError, match=rf"{file.name} is not what was saved"):
            load_bundle(folder, expected_hash=bundle_hash)
        file.write_bytes(content)
    load_bundle(folder, expected_hash=bundle_hash)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_missing_file_is_named(saved, algorithm):
    folder, bundle_hash = saved(algorithm)
    for file in sorted(folder.iterdir()):
        content = file.read_bytes()
        file.unlink()
        with pytest.raises(TidemarkError, match=rf"{file.name} is missing"):
            load_bundle(folder, expected_hash=bundle_hash)
        file.write_bytes(content)


def test_an_empty_folder_holds_no_model(tmp_path):
    with pytest.raises(TidemarkError, match="There is no model"):
        load_bundle(tmp_path)


def test_another_bundle_than_expected_is_refused(saved):
    folder, _ = saved("baseline")
    with pytest.raises(TidemarkError, match="expected 000000000000"):
        load_bundle(folder, expected_hash="0" * 64)


@pytest.mark.parametrize("name", ["preprocessing.skops", "predictor.skops"])
def test_a_type_that_is_not_trusted_is_refused_even_with_the_right_hashes(saved, name):
    import skops.io

    folder, _ = saved("linear_text")
    # What a forger would do: another object, and a manifest that vouches for it.
    skops.io.dump(FeatureColumns((), (), ()), folder / name)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(TidemarkError, match=r"not trusted: ml_assets\.frames\.FeatureColumns"):
        load_bundle(folder)


def test_a_predictor_without_a_file_format_is_not_saved_halfway(tmp_path):
    columns = FeatureColumns((), (), ())
    model = FittedModel("odd", columns, (1, 2), None, predictor=object())
    with pytest.raises(TypeError, match="No file format for object"):
        save_bundle(model, tmp_path, reference={})
    assert not (tmp_path / MANIFEST).exists()


def test_the_same_model_has_the_same_hash(models, tmp_path):
    hashes = {
        save_bundle(models["lightgbm"], tmp_path / str(n), reference=REFERENCE) for n in range(1)
    }
    other = save_bundle(models["lightgbm"], tmp_path / "other", reference={"features": {}})
    assert other not in hashes


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_mlflow_s_entry_point_predicts_labels_with_their_index(models, saved, algorithm):
    folder, _ = saved(algorithm)
    frame = TABLE.slice(0, 6).to_pandas().set_axis(list("abcdef"))
    predicted = _load_pyfunc(str(folder)).predict(frame)
    probabilities = models[algorithm].output(TABLE.slice(0, 6))
    assert predicted.index.tolist() == list("abcdef")
    assert predicted["prediction"].tolist() == (probabilities.argmax(axis=1) + 1).tolist()
    np.testing.assert_allclose(predicted["confidence"], probabilities.max(axis=1))
    np.testing.assert_allclose(predicted["prediction_value"], probabilities @ [1, 2, 3])


def test_mlflow_s_predictions_of_names_have_no_value_and_of_nothing_no_rows(tmp_path):
    save_bundle(fit_class_baseline(np.array([0, 1, 1]), ("no", "yes")), tmp_path, reference={})
    model = _load_pyfunc(str(tmp_path))
    frame = TABLE.to_pandas()
    assert model.predict(frame.head(1), params={"x": 1})["prediction"].tolist() == ["yes"]
    assert list(model.predict(frame.head(1)).columns) == ["prediction", "confidence"]
    assert len(model.predict(frame.head(0))) == 0
