"""The rows of the feature table that are a spec's, as SQL."""

from lakehouse.quoting import quote_identifier as quoted
from lakehouse.quoting import quote_literal
from ml_assets.spec.loading import Spec


def feature_rows(spec: Spec, *, snapshot_id: int | None = None) -> str:
    """The spec's rows of its table, in brackets, to be read from; as of a snapshot if asked."""
    at = "" if snapshot_id is None else f" at (version => {snapshot_id:d})"
    conditions = [
        f"{quoted(column)}::varchar in ({', '.join(quote_literal(str(one)) for one in values)})"
        for column, values in spec.rows.items()
    ]
    where = f" where {' and '.join(conditions)}" if conditions else ""
    return f"(from lake.marts.{quoted(spec.table)}{at}{where})"
