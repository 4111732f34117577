"""What several tests of models share."""

import importlib.util
import itertools
import sys
from pathlib import Path

import pytest

_count = itertools.count()


@pytest.fixture
def own_package(tmp_path, monkeypatch):
    """Makes a package outside the repository importable; gives its folder, whose name is its own.

    Its name differs in each test, for Python keeps what it has imported.
    """
    spec = importlib.util.spec_from_file_location(
        "own_package", Path(__file__).with_name("own_package.py")
    )
    texts = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(texts)
    name = f"outside{next(_count)}"
    folder = tmp_path / "elsewhere" / name
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "helpers.py").write_text(texts.HELPERS)
    code = texts.CODE.replace("my_helpers_{name}", f"{name}.helpers")
    (folder / "models.py").write_text(code)
    monkeypatch.syspath_prepend(folder.parent)
    yield folder
    for module in [one for one in sys.modules if one.partition(".")[0] == name]:
        del sys.modules[module]
