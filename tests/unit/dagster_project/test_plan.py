"""The plan: what runs, and why."""

from dataclasses import replace

from dagster_project.plan import ExtractionState, ModelState, PlatformState, plan_run

MODEL = ModelState(name="stars", reason_to_train=None, unscored=0, serves=True)
STATE = PlatformState(
    pending={"reviews": 0},
    newest_load=3,
    built_load=3,
    manifest_hash="m1",
    built_manifest_hash="m1",
    models=(MODEL,),
)


def _actions(state: PlatformState, **options) -> list[tuple[str, str]]:
    return [(step.action, step.subject) for step in plan_run(state, **options)]


def test_nothing_new_does_nothing():
    assert plan_run(STATE) == ()


def test_an_empty_lake_without_files_does_nothing():
    empty = PlatformState({"reviews": 0}, 0, None, "m1", None, (), publishes=True)
    assert plan_run(empty) == ()


def test_new_files_are_ingested_built_and_scored_without_training():
    actions = _actions(replace(STATE, pending={"reviews": 2}))
    assert actions == [("ingest", "reviews"), ("build", "dbt"), ("score", "stars")]


def test_the_first_run_trains_too():
    untrained = replace(MODEL, reason_to_train="there is no trained version yet", serves=False)
    state = replace(STATE, pending={"reviews": 1}, built_load=None, models=(untrained,))
    assert _actions(state)[-2:] == [("train", "stars"), ("score", "stars")]


def test_a_model_that_has_nothing_to_train_on_is_not_asked_for_scores():
    state = replace(STATE, pending={"reviews": 1}, models=(replace(MODEL, serves=False),))
    assert _actions(state) == [("ingest", "reviews"), ("build", "dbt")]
    publishes = replace(state, publishes=True)
    assert _actions(publishes)[-1] == ("publish", "dbt"), "as what it reads is built anew"


def test_loads_that_were_not_built_are_built():
    steps = plan_run(replace(STATE, newest_load=5))
    assert steps[0].action == "build"
    assert "loads 4 to 5" in steps[0].reason


def test_a_changed_dbt_project_is_built():
    assert ("build", "dbt") in _actions(replace(STATE, manifest_hash="m2"))


def test_a_build_that_makes_nothing_is_left_out():
    assert plan_run(replace(STATE, manifest_hash="m2", dbt_models=())) == ()


def test_models_whose_tables_are_not_built_are_not_scored():
    other = replace(MODEL, name="other", built=False)
    landed = replace(STATE, pending={"reviews": 1}, models=(MODEL, other), dbt_models=("stg",))
    assert _actions(landed) == [("ingest", "reviews"), ("build", "dbt"), ("score", "stars")]
    assert plan_run(landed)[1].dbt_models == ("stg",)


def test_a_stale_model_is_trained_with_its_reason():
    steps = plan_run(replace(STATE, models=(replace(MODEL, reason_to_train="spec changed"),)))
    assert [step.action for step in steps] == ["train", "score"]
    assert steps[0].reason == "spec changed"


def test_unscored_rows_are_scored_by_the_champion():
    steps = plan_run(replace(STATE, models=(replace(MODEL, unscored=7),)))
    assert [(step.action, step.reason) for step in steps] == [("score", "7 rows wait for a score")]


def test_a_retraining_that_was_asked_for_trains():
    assert _actions(STATE, retrain={"stars": "it drifts"}) == [
        ("train", "stars"),
        ("score", "stars"),
    ]


def test_retraining_another_model_leaves_this_one_alone():
    assert _actions(STATE, retrain={"other": "it drifts"}) == []


def test_what_a_killed_run_left_is_done_alone():
    assert _actions(replace(STATE, unprofiled=("reviews",))) == [("profile", "reviews")]
    assert _actions(replace(STATE, unaccounted=("reviews",))) == [("account", "reviews")]
    assert _actions(replace(STATE, unpublished=True)) == [("publish", "dbt")]
    unmonitored = replace(STATE, models=(replace(MODEL, unmonitored=True),), unpublished=True)
    assert [(step.action, step.reason) for step in plan_run(unmonitored)] == [
        ("score", "the monitors have not seen the newest scores")
    ]


def test_what_a_killed_run_left_is_part_of_what_new_files_ask_for():
    state = replace(
        STATE, pending={"reviews": 1}, unprofiled=("reviews",), unaccounted=("reviews",),
        unpublished=True,
    )  # fmt: skip
    assert _actions(state) == [("ingest", "reviews"), ("build", "dbt"), ("score", "stars")]


def test_an_extraction_runs_for_new_rows_and_for_a_new_declaration():
    current = ExtractionState("mentions", outdated=None, waiting=0)
    assert _actions(replace(STATE, extractions=(current,))) == []
    changed = replace(current, outdated="the declaration has changed")
    assert _actions(replace(STATE, extractions=(changed,))) == [("extract", "mentions")]
    landed = replace(STATE, pending={"reviews": 1}, extractions=(current,), unpublished=True)
    assert _actions(landed)[-2:] == [("score", "stars"), ("extract", "mentions")]
    (step,) = plan_run(replace(STATE, extractions=(replace(current, waiting=5),)))
    assert step.reason == "5 rows have not been read"
    (step,) = plan_run(replace(STATE, extractions=(replace(current, unmonitored=True),)))
    assert step.reason == "the monitors have not seen the newest rows"
