"""Which dbt models are built anew from all rows, since the code behind their rows has changed."""

from collections.abc import Mapping
from datetime import datetime

from lakehouse.connection import Lake, LakeWrite

# dbt_project/macros/rebuild.sql reads it.
VARIABLE = "TIDEMARK_DBT_REBUILD"


def outdated_models(lake: Lake, current: Mapping[str, str]) -> list[str]:
    """The dbt models whose rows were made by other code than there is now, by name.

    Args:
        lake: The lake.
        current: Identity of the code by dbt model, that of the models it reads included, so that
            whatever reads a changed model counts as changed.
    """
    recorded = _recorded(lake)
    return sorted(
        model for model, code_hash in current.items() if recorded.get(model, code_hash) != code_hash
    )


def unbuilt_models(lake: Lake, current: Mapping[str, str]) -> list[str]:
    """The dbt models of which no build is recorded, by name."""
    return sorted(set(current) - set(_recorded(lake)))


def is_made_by(lake: Lake, model: str, code_hash: str) -> bool:
    """Whether the dbt model was built, and last by this code."""
    return _recorded(lake).get(model) == code_hash


def record_code(
    lake: Lake,
    write: LakeWrite,
    current: Mapping[str, str],
    *,
    built_at: datetime,
    run_id: str,
) -> None:
    """Records, in the transaction, which code has made the rows of these dbt models by now.

    Only where it is other code than what was recorded last.
    """
    recorded = _recorded(lake)
    changed = {
        model: code_hash for model, code_hash in current.items() if recorded.get(model) != code_hash
    }
    if changed:
        write.connection.execute(
            "insert into lake.ops.dbt_code select unnest(?), unnest(?), ?, ?",
            [list(changed), list(changed.values()), built_at, run_id],
        )


def _recorded(lake: Lake) -> dict[str, str]:
    query = "select model, max_by(code_hash, built_at) from lake.ops.dbt_code group by model"
    return dict(lake.rows(query))
