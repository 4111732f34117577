"""A dbt build that failed is told in one message, also where dbt had no time to say why."""

import json
from pathlib import Path

from dagster_project.dbt_failure import explained_failure


def _log(folder: Path, *entries: tuple[str, str], cut: str = "") -> None:
    lines = [json.dumps({"info": {"level": level, "msg": text}}) + "\n" for level, text in entries]
    (folder / "dbt.log").write_text("".join(lines) + cut)


def test_a_dbt_that_was_killed_is_run_again(tmp_path):
    _log(tmp_path, ("info", "1 of 21 START sql"), cut='{"info": {"level": "error", "ms')
    error = explained_failure(tmp_path, tmp_path / "project")
    assert "it was killed" in error.message
    assert error.hint is not None
    assert "Run the command again" in error.hint


def test_a_dbt_that_was_killed_after_its_last_node_is_run_again(tmp_path):
    results = [{"unique_id": "model.p.good", "status": "success"}]
    (tmp_path / "run_results.json").write_text(json.dumps({"results": results}))
    assert "it was killed" in explained_failure(tmp_path, tmp_path / "project").message


def test_a_dbt_without_a_log_may_not_have_started(tmp_path):
    assert "could not start" in explained_failure(tmp_path, tmp_path / "project").message


def test_what_dbt_logged_as_errors_is_told(tmp_path):
    _log(tmp_path, ("debug", "a detail"), ("error", "Parsing Error: no such macro"))
    error = explained_failure(tmp_path, tmp_path / "project")
    assert "no such macro" in error.message
    assert "a detail" not in error.message
    assert error.hint is not None
    assert "tidemark check" in error.hint


def test_failed_nodes_are_named_and_those_behind_them_counted(tmp_path):
    results = [
        {"unique_id": "model.p.good", "status": "success"},
        {"unique_id": "model.p.bad", "status": "error", "message": "a  wrong\nname"},
        {"unique_id": "test.p.behind", "status": "skipped"},
    ]
    (tmp_path / "run_results.json").write_text(json.dumps({"results": results}))
    error = explained_failure(tmp_path, tmp_path / "project")
    assert error.message == "dbt build: 1 failed, 1 skipped behind them.\n  model bad: a wrong name"
