"""`tidemark run` around its rounds: what is started before the plan is made."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from dagster_project.cli import run as module


@pytest.mark.parametrize(
    ("is_parsed", "expected"), [(False, ["dbt", "manifest"]), (True, ["manifest"])]
)
def test_a_project_that_must_be_read_is_read_by_the_dbt_that_builds(
    monkeypatch, is_parsed, expected
):
    done = []

    @contextmanager
    def warm_dbt(_):
        done.append("dbt")
        yield

    monkeypatch.setattr(module, "is_parsed", lambda _: is_parsed)
    monkeypatch.setattr(module, "warm_dbt", warm_dbt)
    monkeypatch.setattr(module, "_check_names", lambda *_: done.append("manifest"))
    monkeypatch.setattr(module, "read_state", lambda *_, **__: None)
    monkeypatch.setattr(module, "plan_run", lambda *_, **__: ())
    platform = SimpleNamespace(settings=None, broken_specs=(), good_specs={})
    assert module.run_rounds(platform, rescore=False, retrain=[], quiet=True) == []
    assert done == expected
