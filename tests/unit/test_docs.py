"""The documentation is true: generated pages, links, commands, settings, tables, folders."""

import importlib.machinery
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
import typer.main
import yaml

from dagster_project.cli.main import app
from dagster_project.lake_reader import _SEARCH_PATH
from dagster_project.settings import Settings
from lakehouse.sources import load_sources
from lakehouse.tables import SCHEMAS, TABLES

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "bench").glob("*.md"),
    ]
)
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
every_page = pytest.mark.parametrize("page", PAGES, ids=NAMES)


@pytest.fixture(scope="module")
def generator():
    """tools/docs as a module."""
    loader = importlib.machinery.SourceFileLoader("tools_docs", str(ROOT / "tools" / "docs"))
    spec = importlib.util.spec_from_loader("tools_docs", loader)
    module = importlib.util.module_from_spec(spec)
    # Reading the script must not leave a compiled copy beside it.
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    loader.exec_module(module)
    sys.dont_write_bytecode = writes
    return module


def _slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def _anchors(page: Path) -> set[str]:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    return {_slug(heading) for heading in re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)}


def _existing_models() -> set[str]:
    models = ROOT / "dbt_project" / "models"
    return {f"{file.relative_to(models).parts[0]}.{file.stem}" for file in models.rglob("*.sql")}


@pytest.fixture(scope="module")
def commands():
    return set(typer.main.get_command(app).commands)


def test_generated_pages_are_what_the_code_says(generator):
    for name, text in generator.pages().items():
        assert (ROOT / name).read_text() == text, f"{name} is stale: run tools/docs"


def test_a_stale_page_fails_the_check_by_name_and_says_how_to_update(
    generator, monkeypatch, capsys
):
    monkeypatch.setattr(generator, "pages", lambda: {"README.md": "something else"})
    monkeypatch.setattr(sys, "argv", ["docs", "--check"])
    assert generator.main() == 1
    told = capsys.readouterr().out
    assert "README.md" in told
    assert "tools/docs" in told
    assert (ROOT / "README.md").read_text() != "something else"


def test_the_generator_runs_as_a_command():
    ran = subprocess.run(
        [ROOT / "tools" / "docs", "--help"], capture_output=True, text=True, check=True
    )
    assert "--check" in ran.stdout


def test_generated_text_stays_between_its_markers(generator):
    page = "a\n<!-- t:begin -->\nold\n<!-- t:end -->\nz\n"
    assert generator.between_markers(page, "t", r"new \1") == page.replace("old", r"new \1")
    with pytest.raises(SystemExit, match="t:begin"):
        generator.between_markers("no markers", "t", "new")


def test_every_field_of_a_spec_is_in_the_reference(generator):
    page = generator.spec_page()
    for field in ("max_segment_loss", "near_duplicates", "new_labels_share", "text_hash_bits"):
        assert f"| `{field}` |" in page


@every_page
def test_every_relative_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in _anchors(linked), f"{page.name}: {target}"


@every_page
def test_every_command_that_is_named_exists(page, commands):
    pattern = r"(?:`|bin/|^)tidemark ([a-z-]+)"
    for name in re.findall(pattern, page.read_text(), flags=re.MULTILINE):
        assert name in commands, f"{page.name} names `tidemark {name}`"


@every_page
def test_every_option_that_is_shown_with_a_command_exists(page):
    known = typer.main.get_command(app).commands
    calls = re.findall(r"tidemark ([a-z-]+)((?: [^\n`]*)?)", page.read_text())
    for name, rest in calls:
        if name in known:
            command = known[name]
            # A group's options are those of the command in it: `tidemark new model`.
            inner = (rest.split() or [""])[0]
            command = getattr(command, "commands", {}).get(inner, command)
            options = {option for one in command.params for option in one.opts} | {"--help"}
            for option in re.findall(r"(?<=\s)--[a-z0-9-]+", rest):
                assert option in options, f"{page.name}: tidemark {name} {option}"


@every_page
def test_every_setting_that_is_named_exists(page):
    for name in re.findall(r"TIDEMARK_([A-Z0-9_]*[A-Z0-9])", page.read_text()):
        assert name == "CONFIG" or name.lower() in Settings.model_fields, f"{page.name}: {name}"


@every_page
def test_every_make_target_that_is_named_exists(page):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    for name in re.findall(r"(?:`|^)make ([a-z]+)", page.read_text(), flags=re.MULTILINE):
        assert name in targets, f"{page.name} names `make {name}`"


@every_page
def test_every_table_that_is_named_exists(page):
    known = set(TABLES) | _existing_models()
    known |= {f"raw.{source}" for source in load_sources(ROOT / "dbt_project")}
    for schema, table in re.findall(
        rf"(?<![\w./-])({'|'.join(SCHEMAS)})\.([a-z_]+)(?![\w(/])", page.read_text()
    ):
        is_scores = schema == "ml" and table.startswith(("scores_", "extractions_"))
        # A reference in prose that stands for all, such as `raw.<source>`, has no name to check.
        if table not in ("py", "md", "yaml") and not is_scores:
            assert f"{schema}.{table}" in known, f"{page.name} names {schema}.{table}"


@pytest.fixture(scope="module")
def empty_lake():
    """The lake's tables, empty, found by bare names as `tidemark sql` finds them."""
    with duckdb.connect() as engine:
        for schema in SCHEMAS:
            engine.execute(f"create schema {schema}")
        for name, columns in TABLES.items():
            engine.execute(f"create table {name} ({columns})")
        models = ROOT / "dbt_project" / "models"
        for file in models.rglob("_*.yml"):
            schema = file.relative_to(models).parts[0]
            for model in yaml.safe_load(file.read_text()).get("models", []):
                columns = ", ".join(
                    f"{column['name']} {column.get('data_type', 'varchar')}"
                    for column in model["columns"]
                )
                engine.execute(f"create table {schema}.{model['name']} ({columns})")
        engine.execute(f"set search_path = '{','.join(_SEARCH_PATH)}'")
        yield engine


# The tutorial's queries are of tables that it makes: test_tutorial.py runs them.
@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name != "tutorial.md"], ids=lambda page: page.name
)
def test_every_query_that_is_shown_can_be_run(page, empty_lake):
    for query in re.findall(r'tidemark sql "([^"<]+)"', page.read_text()):
        empty_lake.execute(query)


def test_queries_are_found_to_be_tested():
    page = (ROOT / "docs" / "operations.md").read_text()
    assert len(re.findall(r'tidemark sql "([^"<]+)"', page)) >= 4


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) < 200


def test_the_architecture_is_short():
    assert len((ROOT / "docs" / "architecture.md").read_text().splitlines()) < 200


def _readme_names(begin: str) -> list[str]:
    """The names in backticks of the first cells of the README's table after this line."""
    _, _, rest = (ROOT / "README.md").read_text().partition(f"{begin}\n")
    rows = rest.lstrip("\n").split("\n\n")[0].splitlines()
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])]


def test_the_readmes_lake_tables_exist():
    present = set(TABLES) | _existing_models()
    present |= {f"raw.{source}" for source in load_sources(ROOT / "dbt_project")}
    names = _readme_names("## What is where")
    assert len(names) > 10
    schema = ""
    for name in names:
        # `monitoring.drift`, `.performance`: a name without a schema has that of the one before.
        schema = name.partition(".")[0] or schema
        table = name.partition(".")[2]
        if table in ("*", "<source>", "scores_<model>", "extractions_<name>"):
            assert schema in SCHEMAS, name
        else:
            assert f"{schema}.{table}" in present, name


def test_the_readmes_folders_are_all_code_folders():
    names = {name.rstrip("/") for name in _readme_names("| folder | |")}
    for name in names:
        assert (ROOT / name).is_dir(), name
    packages = {file.parent.name for file in ROOT.glob("*/__init__.py")}
    assert packages | {"dbt_project"} == names


def test_every_setting_of_the_readme_has_its_true_default():
    rows = re.findall(r"^\| `TIDEMARK_([A-Z_]+)` \| `?([^`|]+)`? \|", _readme(), flags=re.MULTILINE)
    assert rows
    for name, default in rows:
        declared = Settings.model_fields[name.lower()].default
        if default.strip().isdigit():
            assert declared == int(default), name


def _readme() -> str:
    return (ROOT / "README.md").read_text()
