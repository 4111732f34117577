"""Which steps behind the scores have finished, and on what: what a killed run left out shows here.

Rows that wait for a load, a build or a score can be counted. That the monitors have not seen the
newest scores cannot; so each such step notes the snapshot at which it began once it has ended.
"""

from datetime import UTC, datetime

from lakehouse.connection import Lake


def record_finished(lake: Lake, step: str, subject: str, *, snapshot_id: int, run_id: str) -> None:
    """Notes that the step has finished.

    Args:
        lake: The lake.
        step: What was done, such as `drift`.
        subject: On what, such as a model.
        snapshot_id: The lake's snapshot when the step began: it has seen all of that.
        run_id: The run.
    """
    with lake.write(f"finished {step} {subject}") as write:
        write.connection.execute(
            "insert into lake.ops.finished_steps values (?, ?, ?, ?, ?)",
            [step, subject, snapshot_id, run_id, datetime.now(UTC)],
        )


def finished_snapshot(lake: Lake, step: str, subject: str) -> int:
    """The newest snapshot that the step has seen to its end; -1 before its first end."""
    query = (
        "select coalesce(max(snapshot_id), -1) from lake.ops.finished_steps"
        " where step = ? and subject = ?"
    )
    return int(lake.rows(query, [step, subject])[0][0])
