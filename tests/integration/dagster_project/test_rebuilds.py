from datetime import UTC, datetime, timedelta

import pytest

from dagster_project.rebuilds import outdated_models, record_code
from lakehouse.tables import create_tables

pytestmark = pytest.mark.integration
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def _record(lake, code, after=0):
    with lake.write("build") as write:
        record_code(lake, write, code, built_at=NOW + timedelta(minutes=after), run_id="run")


def test_models_that_other_code_has_built_are_outdated_until_they_are_built_again(lake):
    create_tables(lake)
    assert outdated_models(lake, {"staged": "1", "mart": "1"}) == []
    _record(lake, {"staged": "1", "mart": "1"})
    assert outdated_models(lake, {"staged": "1", "mart": "2", "new": "1"}) == ["mart"]
    _record(lake, {"mart": "2"}, after=1)
    assert outdated_models(lake, {"staged": "1", "mart": "2"}) == []
    # Back to what it was is a change too: the rows are those of the second code.
    assert outdated_models(lake, {"staged": "1", "mart": "1"}) == ["mart"]


def test_code_that_is_recorded_already_is_not_recorded_again(lake):
    create_tables(lake)
    for minute in range(3):
        _record(lake, {"staged": "1"}, after=minute)
    assert lake.rows("select model, code_hash from lake.ops.dbt_code") == [("staged", "1")]
