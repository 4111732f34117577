"""dagster-dbt without dbt's own code in this process: 2 s less for each command and each run.

dbt runs in a process of its own here. dagster-dbt imports it for its types and for selecting nodes,
unless dbt-core is not installed, as beside dbt Fusion; that way of it is taken. It cannot evaluate
selections then, so each part of the project is given to it whole (`dbt_part.py`).
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _as_if_not_installed(module: str) -> Iterator[None]:
    kept = sys.modules.get(module)
    # None is Python's own mark of a module that shall not be imported.
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[module]
        if kept is not None:
            sys.modules[module] = kept


with _as_if_not_installed("dbt.version"):
    from dagster_dbt import (
        DagsterDbtTranslator,
        DagsterDbtTranslatorSettings,
        DbtCliResource,
        dbt_assets,
    )

__all__ = [
    "DagsterDbtTranslator",
    "DagsterDbtTranslatorSettings",
    "DbtCliResource",
    "dbt_assets",
]
