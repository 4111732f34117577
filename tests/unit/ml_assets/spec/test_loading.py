from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.spec.loading import load_specs, parse_spec

GOOD = """\
name: reviews_rating
task: ordinal
table: review_features
entity_key: review_id
event_time: review_at
label: {column: rating, classes: [1, 2, 3, 4, 5]}
features:
  text: [title, text]
  numeric: [text_words]
algorithm: {name: linear_text, parameters: {ngrams: 2}}
monitors: {psi: 0.2, features: all}
retraining: {on: [drift]}
"""


def rendered(text: str) -> list[str]:
    return [error.render() for error in parse_spec(text, "x.yaml").errors]


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) == 1
    return GOOD.replace(old, new)


def test_a_good_spec_loads_with_its_defaults() -> None:
    parsed = parse_spec(GOOD, "x.yaml")
    assert parsed.errors == ()
    assert parsed.spec is not None
    assert parsed.spec.features.columns == ("title", "text", "text_words")
    assert parsed.spec.retraining.on == ("drift",)
    assert parsed.spec.split.holdout == 0.2


def test_the_shipped_specs_are_good() -> None:
    folder = load_specs(Path(__file__).parents[4] / "ml_assets" / "specs")
    assert folder.broken == ()
    assert "reviews_rating" in folder.specs


def test_a_mistyped_algorithm_names_place_allowed_values_and_nearest() -> None:
    assert rendered(changed("name: linear_text", "name: lightgmb")) == [
        "x.yaml:10:19 algorithm.name: 'lightgmb' is not allowed. Allowed: estimator,"
        " hist_gradient_boosting, lightgbm, linear, linear_text, ordinal, quantile."
        " Did you mean lightgbm?"
    ]


def test_an_unknown_parameter_lists_those_of_the_chosen_algorithm() -> None:
    errors = rendered(changed("{ngrams: 2}", "{ngram: 2}"))
    assert errors == [
        "x.yaml:10:45 algorithm.parameters.ngram: 'ngram' is not a field here. Allowed:"
        " max_features, max_iterations, min_document_frequency, ngrams, regularization."
        " Did you mean ngrams?"
    ]
    errors = rendered(
        changed("linear_text, parameters: {ngrams: 2}", "lightgbm, parameters: {a: 2}")
    )
    assert "text_components" in errors[0]


def test_a_mistyped_key_is_found_at_the_key_and_matched_with_what_is_missing() -> None:
    errors = parse_spec(changed("label:", "tablel:"), "x.yaml").errors
    assert [(error.line, error.column, error.field, error.nearest) for error in errors] == [
        (1, 1, "label", None),
        (6, 1, "tablel", "label"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: reviews_rating", "name: Reviews", "1:7 name: 'Reviews' is not of this form."),
        ("task: ordinal", "task: ordnal", "Did you mean ordinal?"),
        ("table: review_features", "table:", "3:7 table: The value is empty."),
        ("psi: 0.2", "psi: '0.2'", "11:17 monitors.psi: '0.2' is text. Allowed: a number."),
        ("psi: 0.2", "psi: true", "monitors.psi: true is a boolean."),
        ("psi: 0.2", "psi: 0", "monitors.psi: 0 is out of range. Allowed: more than 0"),
        ("psi: 0.2", "psi: 1e999", "monitors.psi: inf is a number. Allowed: a finite number."),
        ("ngrams: 2", "ngrams: 4", "ngrams: 4 is out of range. Allowed: at most 3."),
        ("ngrams: 2", "ngrams: 1.5", "ngrams: 1.5 is a number. Allowed: a whole number."),
        ("features: all", "features: some", "'some' is not allowed. Allowed: all, or a list"),
        ("features: all", "features: []", "monitors.features: [] is out of range."),
        ("[title, text]", "title", "8:9 features.text: 'title' is text. Allowed: a list"),
        ("[title, text]", "[title, 3]", "8:17 features.text[1]: 3 is a whole number."),
        ("[1, 2, 3, 4, 5]", "[1, true]", "label.classes[1]: true is a boolean; put a class"),
        ("[drift]", "[drif]", "12:19 retraining.on[0]: 'drif' is not allowed."),
        ("name: linear_text, ", "", "algorithm.name: 'name' is required."),
        (
            "{name: linear_text, parameters: {ngrams: 2}}",
            "linear_text",
            "10:12 algorithm: 'linear_text' is text. Allowed: a section",
        ),
    ],
)
def test_a_wrong_value_is_reported_at_its_place(old: str, new: str, message: str) -> None:
    errors = rendered(changed(old, new))
    assert len(errors) == 1
    assert message in errors[0]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[text_words]", "[rating]", "9:13 features.numeric[0]: 'rating' is the label"),
        ("[text_words]", "[review_id]", "features.numeric[0]: 'review_id' is the entity key"),
        ("[text_words]", "[review_at]", "features.numeric[0]: 'review_at' is the event time"),
        ("[text_words]", "[text]", "features.numeric[0]: 'text' is named twice (first under text)"),
        ("  text: [title, text]\n  numeric: [text_words]", "  text: []", "No feature is named."),
        ("features: all", "features: [titl]", "monitors.features[0]: 'titl' is not a feature"),
        ("[1, 2, 3, 4, 5]", "[1, 3, 2]", "6:34 label.classes: Ordinal classes go from low to high"),
        ("[1, 2, 3, 4, 5]", "[1, 1]", "label.classes[1]: '1' is named twice."),
        ("[1, 2, 3, 4, 5]", "[1]", "label.classes: The task is ordinal: it needs classes."),
        ("[1, 2, 3, 4, 5]", "[1, two]", "label.classes: Texts and whole numbers are mixed."),
        ("entity_key: review_id", "entity_key: rating", "entity_key: 'rating' is also the label."),
        ("event_time: review_at", "event_time: review_id", "'review_id' is also the entity key."),
        ("retraining:", "segments: [rating]\nretraining:", "12:12 segments[0]: 'rating' cannot be"),
        ("retraining:", "segments: [a, a]\nretraining:", "segments[1]: 'a' is named twice."),
        ("retraining:", "split: {folds: 1}\nretraining:", "split.folds: One fold leaves nothing"),
        ("retraining:", "balancing: {ratio: 2}\nretraining:", "The ratio does nothing"),
        (
            "retraining:",
            "freshness: {warn_hours: 2, fail_hours: 2}\nretraining:",
            "must come before",
        ),
        ("[drift]", "[age]", "12:18 retraining.on: 'age' needs max_age_days."),
        ("[drift]", "[new_labels]", "retraining.on: 'new_labels' needs new_labels_share."),
        ("[drift]", "[drift, drift]", "retraining.on[1]: 'drift' is named twice."),
        ("[drift]}", "[drift], max_age_days: 3}", "max_age_days does nothing: 'age' is not in"),
        (
            "task: ordinal",
            "gate: {metric: mean_absolute_error}\ntask: classification",
            "not defined for the task classification",
        ),
        (
            "psi: 0.2, features: all}\nretraining: {on: [drift]}",
            "performance: null}\nretraining: {on: [performance]}",
            "'performance' is a cause, but monitors.performance is turned off.",
        ),
    ],
)
def test_fields_that_contradict_each_other_are_reported(old: str, new: str, message: str) -> None:
    errors = rendered(changed(old, new))
    assert len(errors) == 1
    assert message in errors[0]


def test_all_errors_of_a_file_come_at_once_and_in_its_order() -> None:
    text = changed("task: ordinal", "task: ordnal")
    text = text.replace("[text_words]", "[rating]").replace("psi: 0.2", "psi: -1")
    text += "seed: 1\nseed: 2\n"
    errors = parse_spec(text, "x.yaml").errors
    # The contradiction in line 9 waits: without a task there is no spec to look for it in.
    assert [(error.line, error.field) for error in errors] == [
        (2, "task"),
        (11, "monitors.psi"),
        (14, "seed"),
    ]


def test_contradictions_show_beside_wrong_values_of_other_sections() -> None:
    text = changed("[text_words]", "[rating]").replace("psi: 0.2", "psi: -1")
    errors = parse_spec(text, "x.yaml").errors
    assert [error.field for error in errors] == ["features.numeric[0]", "monitors.psi"]


def test_a_value_left_out_for_being_wrong_makes_no_contradiction_of_its_own() -> None:
    text = changed("retraining: {on: [drift]}", "balancing: {method: weight, ratio: 2}")
    assert [error.field for error in parse_spec(text, "x.yaml").errors] == ["balancing.method"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "x.yaml:1:1 The file is empty."),
        ("# only a comment\n", "x.yaml:1:1 The file is empty."),
        ("- a", "x.yaml:1:1 A spec is a set of fields"),
        ("just text", "x.yaml:1:1 A spec is a set of fields"),
        ("name: [a", "x.yaml:1:9 The YAML cannot be read: expected ',' or ']'"),
        ("name:\n\tx", "x.yaml:2:1 The YAML cannot be read: found character '\\t'"),
        ("name: a\x01", "x.yaml:1:8 The YAML cannot be read: special characters"),
        ("[" * 20_000, "x.yaml:1:1 The YAML is nested too deeply"),
    ],
)
def test_text_that_is_no_spec_is_one_error(text: str, message: str) -> None:
    errors = rendered(text)
    assert len(errors) == 1
    assert errors[0].startswith(message)


@given(st.text())
def test_no_text_makes_reading_fail(text: str) -> None:
    parsed = parse_spec(text, "x.yaml")
    assert parsed.spec is None
    assert parsed.errors


@settings(deadline=None)
@given(st.data())
def test_no_small_damage_to_a_spec_makes_reading_fail(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(GOOD)))
    end = data.draw(st.integers(start, min(start + 20, len(GOOD))))
    parsed = parse_spec(GOOD[:start] + data.draw(st.text(max_size=8)) + GOOD[end:], "x.yaml")
    assert (parsed.spec is None) == bool(parsed.errors)
    assert all(error.line >= 1 and error.column >= 1 for error in parsed.errors)


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)


def test_a_broken_spec_leaves_the_others_alone(tmp_path: Path) -> None:
    write(tmp_path, good=GOOD, broken=changed("reviews_rating", "other").replace("psi", "pis"))
    folder = load_specs(tmp_path)
    assert list(folder.specs) == ["reviews_rating"]
    assert list(folder.sources) == ["reviews_rating"]
    assert [(one.name, len(one.errors)) for one in folder.broken] == [("other", 1)]
    assert folder.broken[0].file == (tmp_path / "broken.yaml").as_posix()


def test_two_files_with_one_name_are_both_broken_and_name_each_other(tmp_path: Path) -> None:
    write(tmp_path, a=GOOD, b=GOOD)
    folder = load_specs(tmp_path)
    assert folder.specs == {}
    assert [one.name for one in folder.broken] == ["reviews_rating", "b"]
    assert (
        f"is also the name in {tmp_path.as_posix()}/b.yaml" in folder.broken[0].errors[0].render()
    )


def test_a_broken_copy_does_not_take_the_name_of_the_good_one(tmp_path: Path) -> None:
    write(tmp_path, good=GOOD, reviews_rating=GOOD + "x: 1\n")
    folder = load_specs(tmp_path)
    assert list(folder.specs) == ["reviews_rating"]
    assert [one.name for one in folder.broken] == ["spec_reviews_rating_2"]


def test_other_files_are_ignored_and_both_suffixes_are_read(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "spec.yml").write_text(GOOD)
    folder = load_specs(tmp_path)
    assert list(folder.specs) == ["reviews_rating"]
    assert folder.broken == ()


def test_a_file_that_is_not_utf8_is_broken_under_its_file_name(tmp_path: Path) -> None:
    (tmp_path / "Latin-1.yaml").write_bytes(b"name: x\xe9")
    (broken,) = load_specs(tmp_path).broken
    assert broken.name == "latin_1"
    assert "Cannot be read" in broken.errors[0].render()


def test_an_empty_folder_has_no_specs(tmp_path: Path) -> None:
    folder = load_specs(tmp_path)
    assert (folder.specs, folder.broken) == ({}, ())
