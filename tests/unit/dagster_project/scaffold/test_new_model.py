"""The files of a new model: complete, right for the data, and never over others."""

import csv
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
import yaml

from dagster_project.scaffold.model import Answers
from dagster_project.scaffold.new_model import new_model
from dagster_project.scaffold.writing import write_new
from lakehouse.config import S3Config
from lakehouse.errors import TidemarkError
from lakehouse.sources import Source, load_sources
from ml_assets.spec.loading import parse_spec

_HEADER = ["Customer ID", "Signed Up", "Plan", "Spend", "Tickets", "Note", "Churned"]


def _proposed(question, proposed, possible):
    if proposed is None:
        raise TidemarkError(question, hint=", ".join(possible))
    return proposed


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "My customers.csv"
    with path.open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(_HEADER)
        for number in range(200):
            day = datetime(2025, 1, 1) + timedelta(days=number)  # noqa: DTZ001
            writer.writerow(
                [f"C{number}", f"{day:%d/%m/%Y}", ["basic", "it's"][number % 2], number / 4,
                 number % 7, f"the note of customer number {number}", ["no", "yes"][number % 3 > 1]]
            )  # fmt: skip
    return path


@pytest.fixture
def platform(tmp_path):
    dbt_project, specs = tmp_path / "dbt", tmp_path / "specs"
    specs.mkdir()
    return SimpleNamespace(
        settings=SimpleNamespace(
            dbt_project=dbt_project, specs=specs, landing_path=str(tmp_path / "landing"),
            s3_access=S3Config(),
        ),
        specs=SimpleNamespace(
            specs={"taken": None}, sources={"taken": SimpleNamespace(file="taken.yaml")}
        ),
        sources={},
        manifest={"nodes": {}},
    )  # fmt: skip


def _new(platform, file, ask=_proposed, source=None, **answers):
    return new_model(
        platform, "churn", Answers(**answers), ask, file=file, source=source, table=None
    )


def _spec(platform, made):
    text = made.files[platform.settings.specs / "churn.yaml"]
    parsed = parse_spec(text, "churn.yaml")
    assert parsed.errors == ()
    return parsed.spec


def test_a_file_becomes_a_spec_and_the_models_beneath_it(platform, file):
    made = _new(platform, file)
    spec = _spec(platform, made)
    assert (spec.task, spec.table, spec.label.column) == (
        *("classification", "my_customers_features", "churned"),
    )
    assert spec.label.classes == ("no", "yes")
    assert (spec.entity_key, spec.event_time) == ("customer_id", "signed_up")
    assert spec.features.categorical == ("plan",)
    assert spec.features.numeric == ("spend", "tickets")
    assert spec.features.text == ("note",)
    assert spec.split.by == "time"
    assert spec.algorithm.name == "lightgbm"
    write_new(made.files)
    (source,) = load_sources(platform.settings.dbt_project).values()
    assert (source.name, list(source.columns)) == ("my_customers", _HEADER)
    for path, text in made.files.items():
        if path.suffix == ".yml":
            assert yaml.safe_load(text), path
    staging = next(text for path, text in made.files.items() if path.name == "stg_my_customers.sql")
    assert """as_time('"Signed Up"', format='%d/%m/%Y') }} as signed_up,""" in staging


def test_files_that_are_there_are_never_overwritten(platform, file):
    made = _new(platform, file)
    last = list(made.files)[-1]
    last.parent.mkdir(parents=True)
    last.write_text("mine")
    with pytest.raises(TidemarkError, match=last.name):
        write_new(made.files)
    assert last.read_text() == "mine"
    assert not (platform.settings.specs / "churn.yaml").exists()


def test_answers_go_before_proposals(platform, file):
    spec = _spec(platform, _new(platform, file, label="tickets", task="regression", key="none"))
    assert (spec.task, spec.entity_key) == ("regression", "staged_id")
    assert spec.gate.metric == "mean_absolute_error"
    assert "churned" in spec.features.categorical
    ordinal = _spec(platform, _new(platform, file, label="tickets"))
    assert (ordinal.task, ordinal.label.classes) == ("ordinal", tuple(range(7)))


def test_rows_without_a_time_are_drawn_by_chance(platform, file):
    made = _new(platform, file, event_time="loaded_at")
    spec = _spec(platform, made)
    assert (spec.event_time, spec.split.by) == ("loaded_at", "chance")
    mart = next(text for path, text in made.files.items() if path.name.endswith("features.sql"))
    assert "_loaded_at as loaded_at," in mart


def test_a_declared_source_is_not_declared_again(platform, file):
    platform.sources = {"my_customers": Source(name="my_customers", columns=tuple(_HEADER))}
    assert not [path for path in _new(platform, file).files if path.name == "_sources.yml"]
    with pytest.raises(TidemarkError, match="No file of 'my_customers'"):
        _new(platform, None, source="my_customers")


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ({"label": "churnd"}, "churnd"),
        ({"label": "churned", "task": "regression"}, "holds texts"),
        ({"label": "note"}, "200 different values"),
        ({"task": "guessing"}, "no such task"),
        ({"label": "spend", "task": "forecast"}, "starts from"),
        ({"algorithm": "magic"}, "magic"),
        ({"metric": "luck"}, "luck"),
        ({"event_time": "plan"}, "--event-time plan"),
    ],
)
def test_answers_that_do_not_go_with_the_data_are_refused(platform, file, answers, told):
    with pytest.raises(TidemarkError, match=told):
        _new(platform, file, **answers)


def test_what_nothing_tells_is_asked_for(platform, file):
    file.write_text(file.read_text().replace("Churned", "Left"))
    with pytest.raises(TidemarkError, match="Label"):
        _new(platform, file)
    asked = []

    def ask(question, proposed, possible):
        asked.append(question.split(":")[0])
        return proposed or "left"

    assert _spec(platform, _new(platform, file, ask=ask)).label.column == "left"
    assert asked == ["Key", "Event time", "Label", "Task", "Algorithm", "Metric of the gate"]


@pytest.mark.parametrize("name", ["taken", "Churn", "1st"])
def test_a_name_that_is_taken_or_impossible_is_refused(platform, file, name):
    with pytest.raises(TidemarkError, match=name):
        new_model(platform, name, Answers(), _proposed, file=file, source=None, table=None)


def test_a_dbt_model_of_that_name_is_not_touched(platform, file):
    node = {"resource_type": "model", "name": "stg_my_customers"}
    platform.manifest = {"nodes": {"model.p.x": node}}
    with pytest.raises(TidemarkError, match="stg_my_customers"):
        _new(platform, file)
