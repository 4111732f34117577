"""The gate at work: judges the newest version on the labelled rows, records, moves the alias."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lakehouse.connection import Lake
from ml_assets.bootstrap import Interval
from ml_assets.evaluation import ALL
from ml_assets.extraction.gate import decide
from ml_assets.extraction.labelled import Counts, LabelledRows, count_labelled, labelled_rows
from ml_assets.extraction.quality import quality_intervals
from ml_assets.extraction.versions import was_judged
from ml_assets.gate import Verdict
from ml_assets.model_versions import CHAMPION, ModelVersion, champion_version, record_decision
from ml_assets.registry import Registry
from ml_assets.spec.extraction import ExtractionSpec
from ml_assets.spec.extraction_rules import ALL_FIELDS

Qualities = Mapping[str, Mapping[str, Interval]]


@dataclass(frozen=True)
class Judgement:
    """What the gate's step found.

    Attributes:
        verdict: None where the version was judged by an earlier run.
        labelled: The labelled rows.
        qualities: Of each of the compared, by field, precision, recall and F1; empty where
            nothing was measured anew.
    """

    verdict: Verdict | None
    labelled: LabelledRows
    qualities: Mapping[str, Qualities]


def judge_version(
    lake: Lake,
    spec: ExtractionSpec,
    version: ModelVersion,
    *,
    registry: Registry,
    now: datetime,
    run_id: str,
) -> Judgement:
    """Judges the version if it has not been; measures who serves anew when labels have come.

    A version is judged once. What comes later in labels is measured, and watched by window, but
    deposes no champion: only a new declaration could do better.
    """
    labelled, champion = labelled_rows(lake, spec), champion_version(lake, spec.name)
    fresh = not was_judged(lake, version)
    subjects: dict[str, ModelVersion] = {"challenger": version} if fresh else {}
    if champion is not None and champion.version != version.version:
        subjects["champion"] = champion
    elif not fresh:
        subjects["challenger"] = version
    if not fresh and _is_measured(lake, version, labelled):
        return Judgement(None, labelled, {})
    counted: dict[str, Counts] = {}
    if labelled.rows:
        values = count_labelled(
            lake, spec, list(subjects.values()), snapshot_id=labelled.snapshot_id
        )
        counted = dict(zip(subjects, values, strict=True))
    qualities = {name: _qualities(counts, spec) for name, counts in counted.items()}
    verdict = None
    if fresh:
        verdict = decide(
            spec.gate,
            counted.get("challenger", {}),
            counted.get("champion"),
            rows=labelled.rows,
            version=version.version,
            champion_version=None if champion is None else champion.version,
            seed=spec.seed,
        )
    if not _is_measured(lake, version, labelled):
        _record(lake, version, subjects, qualities, labelled, now=now, run_id=run_id)
    if verdict is not None:
        record_decision(lake, version, champion, verdict, now=now, run_id=run_id)
        if verdict.promoted:
            registry.set_alias(spec.name, CHAMPION, version.version)
    return Judgement(verdict, labelled, qualities)


def _qualities(counts: Counts, spec: ExtractionSpec) -> dict[str, dict[str, Interval]]:
    return {
        field: quality_intervals(rows.sum(axis=0), confidence=spec.gate.confidence)
        for field, rows in counts.items()
    }


def segment_of(field: str) -> str:
    """How the rows of a field are called in `ml.evaluations` and `monitoring.performance`.

    >>> segment_of("price"), segment_of("all")
    ('field=price', 'all')
    """
    return ALL if field == ALL_FIELDS else f"field={field}"


def _record(
    lake: Lake,
    version: ModelVersion,
    subjects: Mapping[str, ModelVersion],
    qualities: Mapping[str, Qualities],
    labelled: LabelledRows,
    *,
    now: datetime,
    run_id: str,
) -> None:
    """Writes a row to `ml.evaluations` for each compared version, field and metric.

    In the place of a training set's hash stands that of the labelled rows.
    """
    rows: list[list[Any]] = [
        [
            version.model, version.version, name, subjects[name].version, segment_of(field),
            metric, labelled.rows, interval.estimate, interval.low, interval.high,
            labelled.content_hash, now, run_id,
        ]
        for name, fields in qualities.items()
        for field, intervals in fields.items()
        for metric, interval in intervals.items()
    ]  # fmt: skip
    if not rows:
        return
    with lake.write(f"evaluation {version.model} {version.version}") as write:
        write.connection.executemany(
            f"insert into lake.ml.evaluations values ({', '.join('?' * len(rows[0]))})",  # noqa: S608
            rows,
        )


def _is_measured(lake: Lake, version: ModelVersion, labelled: LabelledRows) -> bool:
    """Whether there is nothing to measure, or the same labelled rows were measured before."""
    return not labelled.rows or bool(
        lake.rows(
            "select 1 from lake.ml.evaluations where model = ? and model_version = ?"
            " and training_set_hash = ? limit 1",
            [version.model, version.version, labelled.content_hash],
        )
    )
