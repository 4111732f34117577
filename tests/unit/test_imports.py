"""The packages import one way, and commands do not pay for what they do not use."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Each package with those that it may import.
ALLOWED = {
    "lakehouse": {"lakehouse"},
    "ml_assets": {"ml_assets", "lakehouse"},
    "sensors": {"sensors", "ml_assets", "lakehouse"},
    "dagster_project": {"dagster_project", "sensors", "ml_assets", "lakehouse", "demo"},
    "demo": {"demo", "lakehouse"},
}


def _imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("package", ALLOWED)
def test_packages_import_one_way(package):
    for file in (ROOT / package).rglob("*.py"):
        wrong = (_imports(file) & set(ALLOWED)) - ALLOWED[package]
        assert not wrong, f"{file.relative_to(ROOT)} imports {wrong}"


def test_only_one_package_below_the_sensors_knows_dagster():
    knowing = {
        str(file.parent.relative_to(ROOT))
        for package in ("lakehouse", "ml_assets", "demo")
        for file in (ROOT / package).rglob("*.py")
        if "dagster" in _imports(file)
    }
    assert knowing == {"ml_assets/assets"}


def test_only_the_settings_read_the_environment():
    reading = {
        str(file.relative_to(ROOT))
        for package in ALLOWED
        for file in (ROOT / package).rglob("*.py")
        if "os.environ[" in file.read_text() or "os.environ.get(" in file.read_text()
    }
    assert reading <= {
        "dagster_project/settings.py",
        "dagster_project/platform.py",  # sets DAGSTER_HOME for Dagster
        # What one of our processes tells another.
        "dagster_project/dbt_client.py",
        "dagster_project/dbt_server.py",
        "lakehouse/dbt_environment.py",
    }


def test_every_package_is_listed_for_installation():
    import tomllib

    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    present = {
        str(file.parent.relative_to(ROOT)).replace("/", ".")
        for package in ALLOWED
        for file in (ROOT / package).rglob("__init__.py")
    }
    assert set(listed) == present


def test_the_command_line_starts_without_heavy_packages():
    code = (
        "import sys, dagster_project.cli.main\n"
        "print([m for m in ('mlflow', 'sklearn', 'lightgbm', 'polars', 'matplotlib', 'dagster',"
        " 'pandas') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert result.stdout.strip() == "[]"


def test_the_definitions_load_without_dbt_s_own_code():
    code = (
        "import sys, dagster_project.definitions\n"
        "print([m for m in ('dbt', 'agate', 'sklearn', 'mlflow') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert result.stdout.strip() == "[]"
