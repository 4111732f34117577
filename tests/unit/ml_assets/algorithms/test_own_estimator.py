"""Estimators of one's own, from a package outside the repository."""

import importlib
import json
import shutil

import numpy as np
import pyarrow as pa
import pytest

from lakehouse.errors import TidemarkError
from ml_assets.bundle import MANIFEST, load_bundle, save_bundle
from ml_assets.estimator_class import check_estimator
from ml_assets.estimator_source import source_identity
from ml_assets.mlflow_flavor import _load_pyfunc
from ml_assets.spec.document import ModelSpec
from ml_assets.spec.hashing import spec_hash
from ml_assets.spec.loading import parse_spec
from ml_assets.staleness import TrainingState
from ml_assets.training import fit

ROWS = 60
SINGLE = np.arange(ROWS)
TABLE = pa.table(
    {
        "language": [None if i % 9 == 0 else ("en", "es")[i % 2] for i in range(ROWS)],
        "price": pa.array([None if i % 11 == 0 else float(i) for i in range(ROWS)]),
    }
)
CLASS = (np.arange(ROWS) >= 30).astype(np.int64)
NUMBER = np.arange(ROWS) * 2.0


def _spec(package, name: str, *, classes=False, **options) -> ModelSpec:
    sections = options.pop("sections", {})
    data = {
        "name": "own",
        "task": "classification" if classes else "regression",
        "table": "features",
        "entity_key": "id",
        "event_time": "at",
        "label": {"column": "y"} | ({"classes": ["low", "high"]} if classes else {}),
        "features": {"categorical": ["language"], "numeric": ["price"]},
        "algorithm": {"name": "estimator", "class": f"{package.name}.models.{name}"} | options,
    }
    return ModelSpec.model_validate(data | sections)


def _fit(spec):
    return fit(spec, TABLE, CLASS if spec.label.classes else NUMBER, SINGLE).model


def _kept(model, folder):
    bundle_hash = save_bundle(model, folder, reference={})
    return load_bundle(folder, expected_hash=bundle_hash).model


def test_a_class_of_one_s_own_predicts_and_comes_back(own_package, tmp_path):
    spec = _spec(own_package, "Nearest", classes=True, parameters={"power": 3})
    model = _fit(spec)
    output = model.output(TABLE)
    assert (output.argmax(axis=1) == CLASS).mean() > 0.9
    assert model.predictor.estimator.input_ == "ndarray"
    kept = _kept(model, tmp_path / "bundle")
    np.testing.assert_array_equal(kept.output(TABLE), output)
    assert kept.parameters == {"power": 3}
    assert kept.estimator.class_path == f"{own_package.name}.models.Nearest"
    assert type(kept.predictor.estimator).__module__ == f"{own_package.name}.models"


def test_its_numbers_are_those_of_the_class_called_directly(own_package):
    from sklearn.preprocessing import StandardScaler

    model = _fit(
        _spec(own_package, "Nearest", classes=True, sections={"features": {"numeric": ["price"]}})
    )
    direct = importlib.import_module(f"{own_package.name}.models").Nearest()
    price = np.asarray(TABLE["price"].to_numpy(zero_copy_only=False), dtype=float)
    gap = np.isnan(price)
    filled = np.where(gap, np.nanmedian(price), price)
    matrix = StandardScaler().fit_transform(np.column_stack([filled, gap]))
    expected = direct.fit(matrix, CLASS).predict_proba(matrix)
    np.testing.assert_allclose(model.output(TABLE), expected, atol=1e-9)


def test_a_frame_has_the_features_as_they_are(own_package, tmp_path):
    model = _fit(_spec(own_package, "Column", input="frame"))
    expected = np.asarray([price or 0.0 for price in TABLE["price"].to_pylist()]) + NUMBER.mean()
    np.testing.assert_allclose(model.output(TABLE)[:, 0], expected)
    np.testing.assert_allclose(_kept(model, tmp_path / "b").output(TABLE), model.output(TABLE))


def test_a_class_with_save_and_load_keeps_itself(own_package, tmp_path):
    model = _fit(_spec(own_package, "Written"))
    kept = _kept(model, tmp_path / "bundle")
    np.testing.assert_array_equal(kept.output(TABLE), model.output(TABLE))
    file = tmp_path / "bundle" / "predictor.files" / "deep" / "mean.txt"
    assert file.read_text() == "59.0"
    file.write_text("0.0")
    with pytest.raises(TidemarkError, match=r"mean\.txt is not what was saved"):
        load_bundle(tmp_path / "bundle")


@pytest.mark.parametrize(
    ("name", "reason"), [("Unwritable", "lock"), ("Foreign", r"it holds fractions\.Fraction")]
)
def test_what_cannot_be_kept_without_pickle_is_refused_when_it_is_trained(
    own_package, tmp_path, name, reason
):
    model = _fit(_spec(own_package, name))
    with pytest.raises(TidemarkError, match=rf"without pickle: .*{reason}") as caught:
        save_bundle(model, tmp_path / "bundle", reference={})
    assert "save(folder)" in caught.value.hint


def test_its_types_are_trusted_only_with_the_bundle_s_hash(own_package, tmp_path):
    folder = tmp_path / "bundle"
    bundle_hash = save_bundle(_fit(_spec(own_package, "Mean")), folder, reference={})
    for load in (load_bundle, lambda place: _load_pyfunc(str(place))):
        with pytest.raises(TidemarkError, match="only the platform's own record can vouch"):
            load(folder)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["estimator"] = None
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(TidemarkError, match=rf"not trusted: {own_package.name}\.models\.Mean"):
        load_bundle(folder)
    with pytest.raises(TidemarkError, match=r"bundle\.json is not what was saved"):
        load_bundle(folder, expected_hash=bundle_hash)


def test_a_model_whose_package_is_gone_says_what_is_missing(own_package, tmp_path, monkeypatch):
    folder = tmp_path / "bundle"
    bundle_hash = save_bundle(_fit(_spec(own_package, "Mean")), folder, reference={})
    monkeypatch.undo()
    for module in (f"{own_package.name}.models", f"{own_package.name}.helpers", own_package.name):
        monkeypatch.delitem(importlib.sys.modules, module)
    importlib.invalidate_caches()
    with pytest.raises(TidemarkError, match=f"no package '{own_package.name}'") as caught:
        load_bundle(folder, expected_hash=bundle_hash)
    assert "PYTHONPATH" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "classes", "message"),
    [
        ("Flat", False, r"predict gives the shape \(\d+, 1\), where \(\d+,\)"),
        ("Unknown", False, "predict gives missing or infinite values"),
        ("Raising", False, r"Raising\.fit failed: RuntimeError: no memory left"),
        ("Unclassed", True, r"has classes_ \[.*1.*0.*\] after fit, not \[0, 1\]"),
        ("Unsummed", True, "rows that do not sum to 1"),
    ],
)
def test_what_is_no_prediction_is_told(own_package, name, classes, message):
    with pytest.raises(TidemarkError, match=message):
        _fit(_spec(own_package, name, classes=classes))


def test_weights_reach_a_fit_that_takes_them_and_are_refused_by_one_that_does_not(own_package):
    balanced = {"sections": {"balancing": {"method": "weights"}}, "classes": True}
    assert _fit(_spec(own_package, "Nearest", **balanced)).predictor.estimator.weighted_
    with pytest.raises(TidemarkError, match=r"Unweighted\.fit takes no sample_weight"):
        _fit(_spec(own_package, "Unweighted", **balanced))


@pytest.mark.parametrize(("given", "seed"), [({}, 7), ({"random_state": 3}, 3)])
def test_the_spec_s_seed_is_the_random_state_that_is_not_given(own_package, given, seed):
    model = _fit(_spec(own_package, "Seeded", parameters=given))
    assert model.predictor.regressor.random_state == seed


_YAML = """\
name: own
task: {task}
table: t
entity_key: id
event_time: at
label: {{column: y{classes}}}
features: {{numeric: [price]}}
algorithm:
  name: estimator
  class: {path}
  parameters: {parameters}
"""


def _errors(path: str, *, classes=False, parameters="{}", more=""):
    text = _YAML.format(
        task="classification" if classes else "regression",
        classes=", classes: [a, b]" if classes else "",
        path=path,
        parameters=parameters,
    )
    parsed = parse_spec(text + more, "own.yaml")
    assert parsed.errors == ()
    return [error.render() for error in check_estimator(parsed.spec, parsed.source)]


@pytest.mark.parametrize(
    ("path", "start", "parts"),
    [
        ("nowhere_at_all.models.Mean", "10:10 algorithm.class", ["no module 'nowhere_at_all'"]),
        ("OWN.modules.Mean", "10:10 algorithm.class", ["no module 'OWN.modules'", "PYTHONPATH"]),
        ("OWN.models.Meen", "10:10 algorithm.class", ["no class named 'Meen'", "OWN.models.Mean?"]),
        ("OWN.models.function", "10:10 algorithm.class", ["a function, which is no class"]),
        ("OWN.models.FitOnly", "10:10 algorithm.class", ["not compatible", "no predict,"]),
        ("OWN.models.Needy", "11:15 algorithm.parameters", ["needs a value for 'depth'"]),
    ],
)
def test_a_class_that_cannot_be_used_is_an_error_of_the_spec(own_package, path, start, parts):
    (error,) = _errors(path.replace("OWN", own_package.name))
    assert error.startswith(f"own.yaml:{start}:")
    for part in parts:
        assert part.replace("OWN", own_package.name) in error


def test_classes_need_predict_proba(own_package):
    (error,) = _errors(f"{own_package.name}.models.Mean", classes=True)
    assert "it has no predict_proba, which classes are predicted with" in error


def test_a_mistyped_parameter_names_the_nearest(own_package):
    path = f"{own_package.name}.models.Nearest"
    (error,) = _errors(path, classes=True, parameters="{powr: 3}")
    assert error.startswith("own.yaml:11:22 algorithm.parameters.powr: 'powr' is not a parameter")
    assert "Allowed: power, shrink. Did you mean power?" in error
    search = "search: {parameters: {shrnk: [0.5, 1.0]}}\n"
    (error,) = _errors(path, classes=True, more=search)
    assert error.startswith("own.yaml:12:30 search.parameters.shrnk")
    assert "Did you mean shrink?" in error


def test_parameters_that_the_class_refuses_are_told_in_its_words(own_package):
    (error,) = _errors(f"{own_package.name}.models.Needy", parameters="{depth: 1, size: 0}")
    assert "cannot be made of these parameters: ValueError: size is negative" in error


def test_a_module_that_fails_or_lacks_another_says_so(own_package):
    (own_package / "broken.py").write_text("1 / 0\n")
    (error,) = _errors(f"{own_package.name}.broken.Mean")
    assert "fails when it is imported: ZeroDivisionError" in error
    (own_package / "lacking.py").write_text("import no_such_library\n")
    (error,) = _errors(f"{own_package.name}.lacking.Mean")
    assert "lacking imports 'no_such_library', which is not installed" in error


def test_another_code_is_another_identity_and_makes_the_model_stale(own_package):
    spec = _spec(own_package, "Mean")
    before = spec_hash(spec)
    assert spec_hash(spec) == before
    (own_package / "helpers.py").write_text("def centre(rows):\n    return rows.max(0)\n")
    after = spec_hash(spec)
    assert after != before
    state = TrainingState(after, "f1", before, "f1", 4, judged=True)
    assert state.reason_to_train == "the estimator's code has changed since version 4"
    other = spec_hash(_spec(own_package, "Nearest", classes=True))
    state = TrainingState(other, "f1", before, "f1", 4, judged=True)
    assert state.reason_to_train == "the spec has changed since version 4"


def test_the_identity_is_of_the_content_not_of_the_place(own_package, tmp_path, monkeypatch):
    first = source_identity(f"{own_package.name}.models.Mean")
    copy = tmp_path / "copy" / own_package.name
    shutil.copytree(own_package, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.syspath_prepend(copy.parent)
    assert source_identity(f"{own_package.name}.models.Mean") == first
    (copy / "more.py").write_text("")
    assert source_identity(f"{own_package.name}.models.Mean") != first


def test_an_installed_library_is_known_by_its_version(monkeypatch):
    before = source_identity("sklearn.tree.DecisionTreeClassifier")
    assert before == source_identity("sklearn.ensemble.ExtraTreesClassifier")
    monkeypatch.setattr("importlib.metadata.version", lambda _: "99")
    assert source_identity("sklearn.tree.DecisionTreeClassifier") != before


def test_code_that_changed_since_training_still_scores_with_a_warning(
    own_package, tmp_path, caplog
):
    folder = tmp_path / "bundle"
    model = _fit(_spec(own_package, "Mean"))
    bundle_hash = save_bundle(model, folder, reference={})
    load_bundle(folder, expected_hash=bundle_hash)
    assert caplog.text == ""
    file = own_package / "models.py"
    file.write_text(file.read_text() + "\n# another line\n")
    kept = load_bundle(folder, expected_hash=bundle_hash).model
    assert "has changed since the model" in caplog.text
    np.testing.assert_array_equal(kept.output(TABLE), model.output(TABLE))
