from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lakehouse.declaration.yaml_text import SpecYaml
from ml_assets.metrics import metrics_of
from ml_assets.spec.document import ModelSpec
from ml_assets.spec.hashing import spec_hash
from ml_assets.spec.json_schema import spec_json_schema
from ml_assets.spec.loading import parse_spec

DOCUMENT: dict[str, Any] = {
    "name": "m",
    "task": "ordinal",
    "table": "t",
    "entity_key": "id",
    "event_time": "at",
    "label": {"column": "stars", "classes": [1, 2, 3]},
    "features": {"text": ["body"]},
    "algorithm": {"name": "linear_text"},
}


class SpecDumper(yaml.SafeDumper):
    """Quotes what the spec's loader would not read back as text."""

    yaml_implicit_resolvers = SpecYaml.yaml_implicit_resolvers

    def ignore_aliases(self, data: Any) -> bool:
        return True


names = st.lists(
    st.text("abcdefgh_ é'\"#:-1", min_size=1, max_size=8), min_size=8, max_size=8, unique=True
)
shares = st.floats(0.01, 0.5)
positive = st.floats(1e-6, 1e6)
algorithms = st.one_of(
    st.fixed_dictionaries(
        {"name": st.just("linear_text")},
        optional={
            "parameters": st.fixed_dictionaries(
                {}, optional={"ngrams": st.integers(1, 3), "regularization": positive}
            )
        },
    ),
    st.fixed_dictionaries(
        {"name": st.just("lightgbm")},
        optional={
            "parameters": st.fixed_dictionaries(
                {}, optional={"trees": st.integers(1, 500), "learning_rate": st.floats(1e-9, 1)}
            )
        },
    ),
    st.fixed_dictionaries(
        # Of an installed library: the hash of a spec names the code of its estimator.
        {"name": st.just("estimator"), "class": st.just("sklearn.tree.DecisionTreeClassifier")},
        optional={
            "input": st.sampled_from(["frame", "matrix"]),
            "parameters": st.dictionaries(
                st.text("abc_", min_size=1, max_size=5),
                st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.just("auto")),
                max_size=3,
            ),
        },
    ),
)

searches = st.fixed_dictionaries(
    {
        "parameters": st.fixed_dictionaries(
            {"learning_rate": st.just({"low": 1e-3, "high": 0.5, "log": True})},
            optional={
                "leaves": st.lists(st.integers(2, 99), min_size=1, max_size=4, unique=True),
                "trees": st.just({"low": 10, "high": 500}),
            },
        )
    },
    optional={"trials": st.integers(1, 99), "seconds": positive, "folds": st.integers(2, 20)},
)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    key, time, label, *columns = draw(names)
    unordered = sorted(metrics_of("classification"))
    classes: Any = st.lists(st.text(min_size=1, max_size=6), min_size=2, max_size=5, unique=True)
    whole = st.lists(st.integers(-9, 9), min_size=2, max_size=5, unique=True).map(sorted)
    return {
        "name": draw(st.from_regex("[a-z][a-z0-9_]{0,20}", fullmatch=True)),
        "description": draw(st.text("ab \n:#'\"é", max_size=30)),
        "task": draw(st.sampled_from(["classification", "ordinal"])),
        "table": draw(st.from_regex("[A-Za-z_][A-Za-z0-9_]{0,9}", fullmatch=True)),
        "entity_key": key,
        "event_time": time,
        "label": {"column": label, "classes": draw(st.one_of(classes.filter(printable), whole))},
        "features": {"text": columns[:1], "categorical": columns[1:3], "numeric": columns[3:]},
        "segments": draw(st.sampled_from([[], columns[1:2]])),
        **(
            {"algorithm": draw(algorithms), "search": None}
            if draw(st.booleans())
            else {"algorithm": {"name": "lightgbm"}, "search": draw(searches)}
        ),
        "split": {
            "holdout": draw(shares),
            "near_duplicates": draw(st.sampled_from([None, {"columns": columns[:1]}])),
            "folds": draw(st.sampled_from([0, 2, 20])),
        },
        "balancing": draw(
            st.sampled_from([{}, {"method": "weights"}, {"method": "undersampling", "ratio": 3.5}])
        ),
        "gate": {"metric": draw(st.sampled_from(unordered)), "minimum": {"accuracy": draw(shares)}},
        "monitors": {
            "window": draw(st.sampled_from(["day", "week", "month"])),
            "features": draw(st.sampled_from(["all", columns[:2]])),
            "psi": draw(positive),
        },
        "retraining": draw(
            st.sampled_from(
                [{"on": []}, {"on": ["age"], "max_age_days": 0.5}, {"cool_down_days": 1e-3}]
            )
        ),
        "freshness": draw(st.sampled_from([None, {"warn_hours": 1, "fail_hours": 1.5}])),
        "seed": draw(st.integers(0, 2**31 - 1)),
    }


def printable(texts: list[str]) -> bool:
    return all(text.isprintable() for text in texts)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(documents())
def test_a_spec_survives_dump_and_load(document: dict[str, Any]) -> None:
    spec = ModelSpec.model_validate(document)
    assert ModelSpec.model_validate_json(spec.model_dump_json()) == spec
    text = yaml.dump(spec.model_dump(mode="json"), Dumper=SpecDumper, allow_unicode=True)
    parsed = parse_spec(text, "x.yaml")
    assert parsed.errors == ()
    assert parsed.spec == spec
    assert spec_hash(parsed.spec) == spec_hash(spec)


def test_a_spec_cannot_be_changed() -> None:
    spec = ModelSpec.model_validate(DOCUMENT)
    with pytest.raises(ValidationError, match="frozen"):
        spec.seed = 8  # type: ignore[misc]


def test_a_spec_built_in_python_is_checked_for_contradictions_too() -> None:
    with pytest.raises(ValidationError, match="'stars' is the label"):
        ModelSpec.model_validate(DOCUMENT | {"features": {"numeric": ["stars"]}})


@pytest.mark.parametrize(
    "change",
    [
        {"description": "in other words"},
        {"gate": {"min_gain": 0.1}},
        {"scoring": {"rows_per_task": 1000}},
        {"monitors": {"psi": 0.3}},
        {"retraining": {"on": []}},
        {"freshness": {"warn_hours": 1, "fail_hours": 2}},
    ],
)
def test_the_hash_does_not_depend_on_what_comes_after_training(change: dict[str, Any]) -> None:
    other = ModelSpec.model_validate(DOCUMENT | change)
    assert spec_hash(other) == spec_hash(ModelSpec.model_validate(DOCUMENT))


@pytest.mark.parametrize(
    "change",
    [
        {"name": "n"},
        {"table": "u"},
        {"seed": 8},
        {"label": {"column": "stars", "classes": [1, 2, 3], "delay_days": 1}},
        {"features": {"text": ["body"], "numeric": ["words"]}},
        {"segments": ["language"]},
        {"algorithm": {"name": "lightgbm"}},
        {"algorithm": {"name": "linear_text", "parameters": {"ngrams": 3}}},
        {"split": {"holdout": 0.3}},
        {"balancing": {"method": "weights"}},
        {"search": {"parameters": {"regularization": [0.1, 1.0]}}},
    ],
)
def test_the_hash_depends_on_what_is_trained(change: dict[str, Any]) -> None:
    other = ModelSpec.model_validate(DOCUMENT | change)
    assert spec_hash(other) != spec_hash(ModelSpec.model_validate(DOCUMENT))


def test_the_hash_is_the_same_in_every_process_and_for_defaults_written_out() -> None:
    spec = ModelSpec.model_validate(DOCUMENT)
    written_out = ModelSpec.model_validate(spec.model_dump(mode="json"))
    assert spec_hash(written_out) == spec_hash(spec)
    assert len(spec_hash(spec)) == 64


def test_every_field_of_the_language_is_described() -> None:
    schema = spec_json_schema()
    for name, section in {"ModelSpec": schema, **schema["$defs"]}.items():
        assert section["additionalProperties"] is False, name
        for field, described in section["properties"].items():
            assert described.keys() & {"description", "$ref"}, f"{name}.{field}"
