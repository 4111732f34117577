"""What a run ends with: where every line went, how good the models are, what has drifted."""

from typing import Any

from dagster_project.cli.extraction_report import extraction_report, print_extraction
from dagster_project.cli.output import console, print_table, shown
from dagster_project.lineage import sources_of
from dagster_project.platform import Platform
from lakehouse.quoting import quote_identifier
from ml_assets.metrics import METRICS
from ml_assets.scoring import scores_table

# The tables `monitoring.drift` and `ops.promotions` have them all.
_SHOWN_WINDOWS = 12
_SHOWN_VERDICTS = 3


def report(platform: Platform) -> dict[str, Any]:
    """Sources, models, drift and verdicts as plain values."""
    return {
        "sources": _sources(platform),
        "models": {name: _model(platform, name) for name in platform.good_specs},
        "extractions": {
            name: extraction_report(platform.lake(), spec)
            for name, spec in platform.extractions.items()
        },
    }


def print_report(platform: Platform, *, seconds: float) -> None:
    """Prints the report as tables."""
    found = report(platform)
    if found["sources"]:
        rows = [list(source.values()) for source in found["sources"]]
        print_table("Every line accounted for", list(found["sources"][0]), rows)
    for name, model in found["models"].items():
        _print_model(name, model)
    for name, extraction in found["extractions"].items():
        print_extraction(name, extraction)
    console.print(f"Done in {seconds:.1f} s.", highlight=False)


def _print_model(name: str, model: dict[str, Any]) -> None:
    if model["metrics"]:
        subjects = list(model["metrics"][0])[1:]
        rows = [list(row.values()) for row in model["metrics"]]
        print_table(
            f"{name}: version {model['evaluated_version']} on {model['holdout_rows']:,} hold-out"
            " rows (95 % intervals)",
            ["metric", *subjects],
            rows,
        )
    if model["windows"]:
        rows = [list(row.values()) for row in model["windows"][-_SHOWN_WINDOWS:]]
        title = f"{name}: drift per {model['window']}, champion {model['champion']}"
        if len(rows) < len(model["windows"]):
            title += f" (the newest {len(rows)} of {len(model['windows'])})"
        print_table(title, list(model["windows"][0]), rows)
    for verdict in model["verdicts"][-_SHOWN_VERDICTS:]:
        word = "[green]promoted[/]" if verdict["promoted"] else "[yellow]not promoted[/]"
        reason = verdict["reason"].removeprefix("Promoted: ").removeprefix("Not promoted: ")
        console.print(f"{name} {verdict['version']} {word}: {reason}", highlight=False)


def _sources(platform: Platform) -> list[dict[str, Any]]:
    lake = platform.lake()
    found = []
    for name in platform.sources:
        accounting = lake.rows(
            "select lines, rejected, quarantined, duplicate, clean, balanced"
            " from lake.ops.row_accounting where source = ?"
            " order by snapshot_id desc, accounted_at desc limit 1",
            [name],
        )
        files = lake.rows(
            "select count(*) from lake.ops.file_ledger where source = ? and superseded_by is null",
            [name],
        )[0][0]
        if not files:
            continue
        columns = ("lines", "rejected", "quarantined", "duplicates", "clean", "balanced")
        values = accounting[0] if accounting else (None,) * len(columns)
        row = {"source": name, "files": files} | dict(zip(columns, values, strict=True))
        found.append(row | {"scored": _scored(platform, name)})
    return found


def _scored(platform: Platform, source: str) -> int | None:
    """Rows with a score by any of the models whose table rests on the source."""
    keys = [
        f"select entity_key from lake.ml.{quote_identifier(scores_table(spec.name))}"  # noqa: S608 - quoted
        for spec in platform.good_specs.values()
        if source in sources_of(platform.manifest, spec.table)
    ]
    if not keys:
        return None
    query = f"select count(*) from ({' union '.join(keys)})"  # noqa: S608 - quoted
    return int(platform.lake().rows(query)[0][0])


def _model(platform: Platform, name: str) -> dict[str, Any]:
    lake, spec = platform.lake(), platform.good_specs[name]
    verdicts = lake.rows(
        "select to_version, promoted, reason from lake.ops.promotions where model = ?"
        " order by snapshot_id",
        [name],
    )
    champion = max((row[0] for row in verdicts if row[1]), default=None)
    rows = lake.rows(
        "select metric, subject, subject_version, value, low, high, rows, model_version"
        " from lake.ml.evaluations where model = ? and segment = 'all' and model_version ="
        " (select max(model_version) from lake.ml.evaluations where model = ?)",
        [name, name],
    )
    table: dict[str, dict[str, Any]] = {}
    for metric, subject, version, value, low, high, _, _ in rows:
        if metric in METRICS:
            title = subject if version is None else f"{subject} {version}"
            cell = f"{value:.4f} [{low:.4f}, {high:.4f}]"
            table.setdefault(metric, {"metric": metric})[title] = cell
    return {
        "champion": champion,
        "evaluated_version": rows[0][7] if rows else None,
        "holdout_rows": rows[0][6] if rows else 0,
        "metrics": [table[metric] for metric in METRICS if metric in table],
        "window": spec.monitors.window,
        "windows": _windows(platform, name, champion),
        "verdicts": [
            {"version": version, "promoted": promoted, "reason": reason}
            for version, promoted, reason in verdicts
        ],
    }


def _windows(platform: Platform, name: str, champion: int | None) -> list[dict[str, Any]]:
    """Drift and realised performance of the champion, per window."""
    spec = platform.good_specs[name]
    watched = spec.monitors.performance.metric if spec.monitors.performance else "accuracy"
    rows = platform.lake().rows(
        """
        with drift as (
            select window_start, max(rows) filter (segment = 'all' and kind = 'feature') as n,
                max_by(feature, psi) filter (segment = 'all') as worst,
                max(psi) filter (segment = 'all') as psi,
                count(distinct feature) filter (drifted) as drifted
            from lake.monitoring.drift where model = $model and model_version = $version
            group by window_start
        ), performance as (
            select window_start, any_value(value) as value, bool_or(degraded) as degraded,
                any_value(metric) as metric
            from lake.monitoring.performance
            where model = $model and model_version = $version and segment = 'all'
                and metric = $metric
            group by window_start
        )
        select window_start, coalesce(n, 0), worst, psi, drifted, value, degraded
        from drift left join performance using (window_start) order by window_start
        """,
        {"model": name, "version": champion or 0, "metric": watched},
    )
    return [
        {
            "window": f"{start:%Y-%m-%d}",
            "rows": n,
            "most moved": worst,
            "PSI": None if psi is None else round(psi, 3),
            "drifted": "too few rows" if n < spec.monitors.min_rows else drifted,
            watched: "" if value is None else shown(value),
            "degraded": degraded,
        }
        for start, n, worst, psi, drifted, value, degraded in rows
    ]
