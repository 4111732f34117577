"""What a run ends with, of an extraction: what was found how often, how well, and the verdicts."""

import json
from typing import Any

from dagster_project.cli.output import console, print_table
from lakehouse.connection import Lake
from lakehouse.quoting import quote_identifier
from ml_assets.extraction.judging import segment_of
from ml_assets.extraction.table import extractions_table
from ml_assets.model_versions import champion_version
from ml_assets.spec.extraction import ExtractionSpec

_SHOWN_VALUES = 3


def extraction_report(lake: Lake, spec: ExtractionSpec) -> dict[str, Any]:
    """Rows read, fields with their shares and qualities, and verdicts, as plain values."""
    champion = champion_version(lake, spec.name)
    version = 0 if champion is None else champion.version
    verdicts = lake.rows(
        "select to_version, promoted, reason from lake.ops.promotions where model = ?"
        " order by snapshot_id",
        [spec.name],
    )
    table = quote_identifier(extractions_table(spec.name))
    rows = lake.rows(
        f"select count(*) from lake.ml.{table} where model_version = ?",  # noqa: S608 - quoted
        [version],
    )[0][0]
    return {
        "champion": version or None,
        "rows": rows,
        "fields": _fields(lake, spec, version),
        "verdicts": [
            {"version": number, "promoted": promoted, "reason": reason}
            for number, promoted, reason in verdicts
        ],
    }


def print_extraction(name: str, found: dict[str, Any]) -> None:
    """Prints the report of an extraction."""
    if found["rows"]:
        print_table(
            f"{name}: what version {found['champion']} found in {found['rows']:,} rows",
            list(found["fields"][0]),
            [list(row.values()) for row in found["fields"]],
        )
    for verdict in found["verdicts"][-1:]:
        word = "[green]promoted[/]" if verdict["promoted"] else "[yellow]not promoted[/]"
        console.print(f"{name} {verdict['version']} {word}: {verdict['reason']}", highlight=False)


def _fields(lake: Lake, spec: ExtractionSpec, version: int) -> list[dict[str, Any]]:
    counted = lake.rows(
        "select field, sum(rows_with_value) / sum(rows), sum(mentions), list(top_values)"
        " from lake.monitoring.extractions where model = ? and model_version = ? group by field",
        [spec.name, version],
    )
    counts = {field: values for field, *values in counted}
    measured = lake.rows(
        "select segment, metric, arg_max(value, evaluated_at) from lake.ml.evaluations"
        " where model = ? and subject_version = ? group by segment, metric",
        [spec.name, version],
    )
    quality = {(segment, metric): value for segment, metric, value in measured}
    rows = []
    for field in spec.extraction.fields:
        share, mentions, top = counts.get(field, (0.0, 0, []))
        row = {
            "field": field,
            "rows with a value": f"{100 * share:.1f} %",
            "mentions": int(mentions),
            "most frequent": ", ".join(_most_frequent(top)),
        }
        for metric in ("precision", "recall", "f1"):
            value = quality.get((segment_of(field), metric))
            row[metric] = "" if value is None else f"{value:.4f}"
        rows.append(row)
    return rows


def _most_frequent(windows: list[str]) -> list[str]:
    """The values that are most frequent over the windows' own most frequent ones."""
    totals: dict[str, int] = {}
    for window in windows:
        for value, count in json.loads(window).items():
            totals[value] = totals.get(value, 0) + count
    return sorted(totals, key=lambda value: -totals[value])[:_SHOWN_VALUES]
