"""A plan's steps as one Dagster run, and its failures in the users' words."""

import contextlib
import warnings
from types import SimpleNamespace

import dagster as dg
import pytest

from dagster_project.plan import Step
from dagster_project.progress import SilentProgress
from lakehouse.errors import TidemarkError
from ml_assets.assets.keys import ModelKeys
from ml_assets.assets.serving import RESCORE_TAG

with warnings.catch_warnings():
    # dagster-dbt's parser of SQL warns of one of its own parts.
    warnings.simplefilter("ignore", DeprecationWarning)
    from dagster_project import execution
    from dagster_project.execution import execute
    from dagster_project.jobs import step_keys

KEYS = ModelKeys("stars")
TRAIN, SCORE = Step("train", "stars", "asked"), Step("score", "stars", "new rows")


@pytest.fixture
def platform(tmp_path):
    """Two sources with the dbt models before and after scoring."""

    def node(name, *tags):
        return {
            "name": name, "resource_type": "model", "config": {"schema": "marts"},
            "tags": list(tags),
        }  # fmt: skip

    nodes = [node("features"), node("int_reviews_outcomes"), node("scored", "after_scoring")]
    return SimpleNamespace(
        settings=SimpleNamespace(log_folder=tmp_path / "logs"),
        sources={"reviews": None, "products": None},
        accounted_sources=("reviews",),
        manifest={"nodes": {entry["name"]: entry for entry in nodes}},
    )


@pytest.fixture
def run(platform, monkeypatch):
    """Executes steps over the given assets on an instance of the test's own."""
    with dg.DagsterInstance.ephemeral() as instance:

        def start(*assets, steps=(TRAIN,), rescore=False):
            monkeypatch.setattr(
                execution,
                "build_definitions",
                lambda _, loggers: dg.Definitions(assets, loggers=loggers),
            )
            monkeypatch.setattr(
                execution, "open_instance", lambda _: contextlib.nullcontext(instance)
            )
            outcome = execute(platform, steps, rescore=rescore, progress=SilentProgress())
            return outcome, instance.get_run_by_id(outcome.run_id)

        yield start


def _model_assets(broken: dict | None = None):
    """The model's training assets, of which some raise."""

    def made(key):
        @dg.asset(key=key)
        def asset() -> None:
            if error := (broken or {}).get(key.path[-1]):
                raise error

        return asset

    return [made(key) for key in KEYS.training]


@pytest.fixture(autouse=True)
def no_log_lines(caplog):
    caplog.set_level("CRITICAL")


def test_steps_that_succeed_leave_no_error(run):
    outcome, record = run(*_model_assets())
    assert outcome.success
    assert (outcome.errors, outcome.failed_checks) == ((), ())
    assert record.status == dg.DagsterRunStatus.SUCCESS
    assert record.tags["tidemark/started_by"] == "tidemark run"
    assert RESCORE_TAG not in record.tags


def test_rescoring_is_a_tag_of_the_run(run):
    _, record = run(*_model_assets(), rescore=True)
    assert record.tags[RESCORE_TAG] == "true"


def test_an_error_for_users_keeps_its_words_and_hint(run):
    error = TidemarkError("No rows.\nNone at all.", hint="Land some.")
    outcome, _ = run(*_model_assets({"challenger": error}))
    (shown,) = outcome.errors
    assert not outcome.success
    assert shown.message == "stars__challenger: No rows.\nNone at all."
    assert shown.hint == "Land some."


def test_an_unknown_error_is_named_and_points_to_the_run(run):
    outcome, _ = run(*_model_assets({"challenger": ZeroDivisionError("by nought")}))
    (shown,) = outcome.errors
    assert shown.message == "stars__challenger: ZeroDivisionError: by nought"
    assert outcome.run_id[:8] in shown.hint


def test_a_known_failure_of_the_engine_is_explained(run):
    import duckdb

    error = duckdb.IOException("IO Error: could not write to file: No space left on device")
    outcome, _ = run(*_model_assets({"evaluation": error}))
    assert "The disk is full" in outcome.errors[0].message
    assert "Free some space" in outcome.errors[0].hint


def test_a_failure_with_a_description_says_that(run):
    outcome, _ = run(*_model_assets({"champion": dg.Failure(description="spec is broken")}))
    assert outcome.errors[0].message == "stars__champion: spec is broken"


def test_all_failed_steps_are_in_the_outcome(run):
    broken = {"challenger": ValueError("one"), "evaluation": ValueError("two")}
    outcome, _ = run(*_model_assets(broken))
    assert len(outcome.errors) == 2
    assert "1 more steps failed" in outcome.as_error().message


def test_failed_checks_are_named_and_passed_ones_not(run):
    @dg.asset(
        key=KEYS.training_set,
        check_specs=[dg.AssetCheckSpec(name, asset=KEYS.training_set) for name in "abc"],
    )
    def checked():
        yield dg.MaterializeResult(
            check_results=[
                dg.AssetCheckResult(passed=True, check_name="a"),
                dg.AssetCheckResult(passed=False, check_name="b", description="3 rows lost"),
                dg.AssetCheckResult(passed=False, check_name="c"),
            ]
        )

    outcome, _ = run(checked, *_model_assets()[1:])
    assert set(outcome.failed_checks) == {
        "stars/training_set: b: 3 rows lost",
        "stars/training_set: c: failed",
    }


def test_what_a_step_prints_is_in_the_log_and_not_on_the_terminal(run, platform, capsys):
    @dg.asset(key=KEYS.training_set)
    def talking() -> None:
        print("dbt says")  # noqa: T201

    run(talking, *_model_assets()[1:])
    assert "dbt says" in (platform.settings.log_folder / "run.log").read_text()
    assert "dbt says" not in capsys.readouterr().out


def _names(platform, *steps) -> list[str]:
    return [key.to_user_string() for key in step_keys(platform, steps)]


def test_each_step_has_its_assets(platform):
    build, ingest = Step("build", "dbt", ""), Step("ingest", "products", "")
    assert _names(platform, ingest) == ["raw/products", "monitoring/profile_products"]
    assert _names(platform, build) == [
        "marts/features", "marts/int_reviews_outcomes", "ops/row_accounting_reviews",
        "ops/catalog",
    ]  # fmt: skip
    assert _names(platform, TRAIN) == [key.to_user_string() for key in KEYS.training]
    assert _names(platform, SCORE) == [
        *(key.to_user_string() for key in KEYS.serving), "marts/scored",
    ]  # fmt: skip
    assert _names(platform, Step("profile", "products", "")) == ["monitoring/profile_products"]
    assert _names(platform, Step("account", "reviews", "")) == ["ops/row_accounting_reviews"]
    assert _names(platform, Step("publish", "dbt", "")) == ["marts/scored"]


def test_an_asset_of_several_steps_is_run_once(platform):
    other = Step("score", "other", "")
    assert _names(platform, SCORE, other).count("marts/scored") == 1


def test_an_extraction_is_all_of_its_assets_and_what_reads_them(platform):
    assert _names(platform, Step("extract", "mentions", "new rows")) == [
        "mentions/extractor",
        "mentions/champion",
        "ml/extractions_mentions",
        "mentions/drift",
        "mentions/performance",
        "marts/scored",
    ]
