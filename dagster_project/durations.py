"""How long a run's steps will take, by how long they took: the step times of Dagster's event log.

The log is read by SQL, two of its indexed columns and the times: opening Dagster's own instance for
it would cost more than all else that `tidemark plan` does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations
from statistics import median

import psycopg

# What a step's time is estimated from: enough for a median, few enough to follow the machine.
RUNS = 7
# The newest steps of the log that are looked at, whatever they are.
_EVENTS = 3_000
_QUERY = """
    with ended as (
        select run_id, step_key, id, timestamp from event_logs
        where dagster_event_type = 'STEP_SUCCESS' order by id desc limit %(limit)s
    ),
    started as (
        select run_id, step_key, id, timestamp from event_logs
        where dagster_event_type = 'STEP_START' order by id desc limit %(limit)s
    )
    select ended.run_id, ended.step_key, max(started.timestamp), max(ended.timestamp)
    from ended join started using (run_id, step_key)
    where started.id < ended.id
    group by ended.run_id, ended.step_key
    order by max(ended.id) desc
"""


@dataclass(frozen=True)
class StepRun:
    """One time that a step ran.

    Attributes:
        run_id: The Dagster run.
        step: The step's name.
        started_at, ended_at: UTC.
        rows: Rows that it worked on, where its time depends on them.
    """

    run_id: str
    step: str
    started_at: datetime
    ended_at: datetime
    rows: int | None = None

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended_at - self.started_at).total_seconds()


def estimated_seconds(runs: Sequence[StepRun], rows: int | None) -> float | None:
    """The seconds that a step will take; None if it never ran.

    Where rows are known: a line through the runs, by the median of the slopes between each two
    (Theil 1950, Sen 1968), which single odd runs do not move. Runs of nearly equal size tell no
    slope: then seconds grow with the rows beyond the largest run, and not below it.

    Args:
        runs: The newest runs of the step.
        rows: Rows of the run to come; None where its time does not depend on them.
    """
    if not runs:
        return None
    known = [(run.rows, run.seconds) for run in runs if run.rows]
    if rows is None or not known:
        return median(run.seconds for run in runs)
    slopes = [
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for earlier, later in combinations(sorted(known), 2)
        if later[0] > 1.2 * earlier[0]
    ]
    if not slopes:
        most = max(count for count, _ in known)
        return median(seconds for _, seconds in known) * max(rows / most, 1.0)
    slope = max(median(slopes), 0.0)
    fixed = max(median(seconds - slope * count for count, seconds in known), 0.0)
    return fixed + slope * rows


def past_steps(dagster_url: str) -> dict[str, list[StepRun]]:
    """The newest `RUNS` successful runs of each step by its name, the newest first.

    Args:
        dagster_url: libpq URL of Dagster's database; one without its tables has no runs.
    """
    with psycopg.connect(dagster_url) as connection:
        if connection.execute("select to_regclass('event_logs')").fetchone() == (None,):
            return {}
        rows = connection.execute(_QUERY, {"limit": _EVENTS}).fetchall()
    found: dict[str, list[StepRun]] = {}
    for run_id, step, started_at, ended_at in rows:
        runs = found.setdefault(step, [])
        if len(runs) < RUNS:
            runs.append(StepRun(run_id, step, _utc(started_at), _utc(ended_at)))
    return found


def _utc(moment: datetime) -> datetime:
    # Dagster keeps UTC without saying so.
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
