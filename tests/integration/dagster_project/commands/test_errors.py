"""What goes wrong ends in one message with a remedy, and leaves nothing half-done behind."""

import json
import time
from pathlib import Path

import pytest

from lakehouse.errors import TidemarkError
from lakehouse.writer_lock import writer_lock

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(900),
    # Dagster warns of the futures of its own dependencies.
    pytest.mark.filterwarnings("ignore"),
]

_GOOD_SPEC = "specs/reviews_rating.yaml"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("TIDEMARK_THREADS", "many", "TIDEMARK_THREADS"),
        ("TIDEMARK_MEMORY_LIMIT", "lots", "such as 4GB"),
        ("TIDEMARK_TREADS", "2", "there is no setting 'treads'"),
        ("TIDEMARK_S3_ACCESS_KEY", "key", "both or neither"),
        ("TIDEMARK_CONFIG", "/nowhere/tidemark.toml", "/nowhere/tidemark.toml"),
        ("TIDEMARK_STATE", "/dev/null/state", "/dev/null"),
        ("TIDEMARK_STATE", "/tmp/" + "long" * 30, "107 are possible"),  # noqa: S108
        ("TIDEMARK_POSTGRES", "postgresql://127.0.0.1:1/lake", "does not answer"),
        ("TIDEMARK_DBT_PROJECT", "/nowhere", "/nowhere"),
        ("TIDEMARK_SPECS", "/nowhere", "/nowhere"),
    ],
)
def test_a_bad_setting_is_named(empty, name, value, told):
    assert told in empty.error("check", **{name: value})


def test_a_bad_postgres_url_is_not_shown_since_it_may_hold_the_password(empty):
    message = empty.error("check", TIDEMARK_POSTGRES="postgres//tide:secret@host/lake")
    assert "TIDEMARK_POSTGRES" in message
    assert "secret" not in message


def test_a_settings_file_that_is_not_toml_is_named_with_the_line(empty, tmp_path):
    file = tmp_path / "tidemark.toml"
    file.write_text("threads = \n")
    message = empty.error("check", TIDEMARK_CONFIG=str(file))
    assert str(file) in message
    assert "line 1" in message


def test_sql_before_the_first_run_says_that_there_is_no_lake(empty):
    assert not empty.base, "this test belongs before those that run the platform"
    assert "There is no lake yet" in empty.error("sql", "from reviews_scored")


def test_a_missing_file_is_not_landed(platform):
    assert "/nowhere/reviews.jsonl" in platform.error("land", "reviews", "/nowhere/reviews.jsonl")


def test_an_unknown_source_is_answered_with_those_declared(platform):
    file = next((platform.state / "generated").glob("*.jsonl"))
    assert "Did you mean 'reviews'?" in platform.error("land", "revews", str(file))
    assert not (platform.state / "landing" / "revews").exists()


def test_an_unknown_model_to_retrain_is_answered_with_those_declared(platform):
    assert "reviews_rating" in platform.error("run", "--retrain", "reviews_ratin")


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("selec 1", "syntax error"),
        ("select ratin from reviews_scored", '"rating"'),
        ("from reviews_score", "reviews_scored"),
        ("delete from lake.marts.reviews_scored", "read-only"),
        ("drop table lake.raw.reviews", "read-only"),
        ("from read_csv('/etc/passwd')", "Permission"),
    ],
)
def test_sql_that_cannot_run_is_refused(platform, query, told):
    assert told in platform.error("sql", query)


def test_broken_specs_are_named_with_line_while_the_good_one_runs(platform, edited):
    spec = (platform.state / _GOOD_SPEC).read_text()
    unreadable = edited("specs/unreadable.yaml", "name: unreadable\n task: [ordinal\n")
    unknown = edited(
        "specs/unknown.yaml",
        spec.replace("name: linear_text", "name: lineer_text").replace(
            "name: reviews_rating", "name: unknown"
        ),
    )
    lost = edited(
        "specs/lost.yaml",
        spec.replace("- text_words", "- text_wordz").replace("name: reviews_rating", "name: lost"),
    )
    check = platform.start("check", COLUMNS="500")
    output, errors = check.communicate(timeout=100)
    assert check.returncode == 1
    assert "3 errors in 3 files" in errors
    assert "Traceback" not in output + errors
    assert f"{unreadable}:2:" in output
    assert f"{unknown}:{_line(unknown, 'lineer_text')}:" in output
    assert "Did you mean linear_text?" in output
    assert f"{lost}:{_line(lost, 'text_wordz')}:" in output
    assert "Did you mean text_words?" in output
    assert f"{lost}:" in platform.error("run", "--retrain", "lost")

    platform.land_good("beside_broken_specs")
    assert platform.run("run", COLUMNS="500").count("broken spec ") == 3
    platform.assert_exact()
    shown = json.loads(platform.answer("status", "--json"))["models"]
    verdicts = {model["model"]: model["last verdict"] for model in shown}
    assert {name for name, verdict in verdicts.items() if verdict == "broken spec"} == {
        "unreadable",
        "unknown",
        "lost",
    }


def test_four_processes_at_once_meet_no_error_and_count_exactly(platform):
    """Two runs that ingest and score what lands meanwhile, and two who read."""
    platform.land_good("before_four_processes")
    query = "select count(*) as scored, count(distinct review_id) as reviews from reviews_scored"
    runs = [platform.start("run"), platform.start("run")]
    runs.append(platform.start("sql", "--json", query))
    reads = 0
    with platform.counter() as counts:
        while any(run.poll() is None for run in runs):
            if reads in {5, 10}:
                platform.land_good(f"beside_four_processes_{reads}", reviews=30)
            now = counts()
            reads += 1
            # A reader that never rests would take the time of those it watches.
            time.sleep(0.5)
            # One snapshot for all of them: no read sees half of a commit.
            assert now["raw"] == now["loaded"]
            assert now["lines"] == now["loaded"] + now["refused"]
            assert now["predicted"] == now["scored"] <= now["raw"]
    for run in runs:
        output, errors = run.communicate()
        assert run.returncode == 0, output + errors
        assert "Error" not in output + errors
    assert reads > 5
    platform.answer("run")
    platform.assert_exact()
    doubled = platform.rows(
        "select entity_key from scores_reviews_rating"
        " group by entity_key, model_version having count(*) > 1"
    )
    assert doubled == []


def test_a_dbt_model_with_an_error_is_named_and_the_tables_stay_whole(platform, edited):
    before = platform.counts()
    platform.land_good("with_a_dbt_error")
    model = "dbt_project/models/intermediate/int_reviews_outcomes.sql"
    edited(model, f"{(platform.state / model).read_text()}\nselekt")
    message = platform.error_of(platform.start("run"))
    assert "int_reviews_outcomes" in message
    assert "syntax error" in message
    platform.assert_nothing_half_done(before)
    assert platform.counts()["scored"] == before["scored"]


def test_a_failing_dbt_test_stops_what_is_behind_it(platform, edited):
    before = platform.counts()
    platform.land_good("with_a_failing_test")
    edited("dbt_project/tests/refuses.sql", "select * from {{ ref('stg_reviews') }} limit 1\n")
    message = platform.error_of(platform.start("run"))
    assert "test refuses: Got 1 result" in message
    platform.assert_nothing_half_done(before)
    assert platform.counts()["features"] == before["features"]


def test_a_full_disk_in_the_ingest_loads_nothing(platform, lake_disk):
    _needs(lake_disk)
    before = platform.counts()
    platform.land_good("with_a_full_disk")
    with platform.full_disk():
        message = platform.error_of(platform.start("run"))
    assert "The disk is full" in message
    assert "Free some space" in message
    platform.assert_nothing_half_done(before)
    assert platform.counts()["raw"] == before["raw"]


def test_a_full_disk_in_the_dbt_build_is_mended_by_space_and_another_run(platform, lake_disk):
    _needs(lake_disk)
    before = platform.counts()
    platform.land_good("with_a_disk_full_later")
    run = platform.start_run()
    platform.when_logged("START sql", run)
    with platform.full_disk():
        message = platform.error_of(run)
    assert "The disk is full" in message
    platform.assert_nothing_half_done(before)
    platform.answer("run")
    platform.assert_exact()


def test_a_postgres_that_goes_in_mid_run_is_mended_by_another_run(platform):
    before = platform.counts()
    platform.land_good("with_a_lost_postgres")
    run = platform.start_run()
    platform.when_logged("OK created sql", run)
    platform.kill_postgres()
    message = platform.error_of(run)
    assert "Postgres, which holds the lake's catalog, does not answer" in message
    assert "Run the command again" in message
    platform.assert_nothing_half_done(before)
    platform.answer("run")
    platform.assert_exact()
    assert {run["status"] for run in json.loads(platform.answer("status", "--json"))["runs"]} <= {
        "success",
        "failure",
    }


def test_a_writer_lock_held_for_longer_names_its_holder(database_url):
    with (
        writer_lock(database_url, "a long build"),
        pytest.raises(TidemarkError, match="held by 'a long build'") as raised,
        writer_lock(database_url, "an ingest", wait_seconds=0.2),
    ):
        pytest.fail("the lock was given twice")
    assert "frees itself" in raised.value.hint
    with writer_lock(database_url, "an ingest", wait_seconds=0):
        pass


def _line(file: Path, text: str) -> int:
    lines = file.read_text().splitlines()
    return next(number for number, line in enumerate(lines, start=1) if text in line)


def _needs(lake_disk: bool) -> None:
    if not lake_disk:
        pytest.skip("a small disk can only be mounted by root, with the right to mount")
