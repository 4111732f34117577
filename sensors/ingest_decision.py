"""Whether to start an ingest run for the files that have landed: a pure decision."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lakehouse.landing.files import LandedFile

_FIRST_RETRY = timedelta(minutes=1)
_MOST_RETRIES = 5


@dataclass(frozen=True)
class Attempts:
    """The sensor's cursor: the batch asked for last, how often, and when.

    Attributes:
        batch: Name of the batch, as `batch_name` gives it.
        count: Runs asked for it.
        last_at: Time of the last one (UTC).
    """

    batch: str
    count: int
    last_at: datetime

    def dumps(self) -> str:
        """The cursor's text."""
        return json.dumps(
            {"batch": self.batch, "count": self.count, "last_at": self.last_at.isoformat()}
        )

    @classmethod
    def loads(cls, text: str | None) -> "Attempts":
        """The cursor out of its text; without one nothing was asked for yet."""
        if not text:
            return cls("", 0, datetime.min.replace(tzinfo=UTC))
        data = json.loads(text)
        return cls(data["batch"], data["count"], datetime.fromisoformat(data["last_at"]))


@dataclass(frozen=True)
class IngestDecision:
    """Start a run under this key, or the reason why not."""

    run_key: str | None
    reason: str
    attempts: Attempts


def batch_name(files: Iterable[LandedFile], *, newest_load: int) -> str:
    """A name for a set of file versions on top of what is loaded: the same has the same name.

    A file that changes back to what it once was is another batch, as its load came in between.
    """
    identities = sorted(f"{file.bucket}|{file.key}|{file.version}" for file in files)
    return hashlib.sha256("\n".join([str(newest_load), *identities]).encode()).hexdigest()[:20]


def first_run_key(pending: Iterable[LandedFile], *, newest_load: int) -> str:
    """The key of the first run that a set of file versions asks for."""
    return _run_key(batch_name(pending, newest_load=newest_load), 1)


def _run_key(batch: str, attempt: int) -> str:
    return f"ingest:{batch}:{attempt}"


def decide_ingest(
    pending: Sequence[LandedFile],
    attempts: Attempts,
    *,
    newest_load: int,
    running: str | None,
    now: datetime,
) -> IngestDecision:
    """What to do about the files that the ledger does not hold.

    A run key is used once by Dagster whatever became of its run, so a batch whose run failed is
    asked for again under a new key: after 1, 2, 4, 8 and 16 minutes, then no more until the set of
    files changes.

    Args:
        pending: File versions that are not in the ledger.
        attempts: What was asked for before.
        newest_load: The ledger's newest load.
        running: Id of an ingest run that has not ended, if there is one.
        now: The time (UTC).
    """
    if not pending:
        return IngestDecision(None, "No file has landed that the ledger does not hold.", attempts)
    if running is not None:
        reason = f"Run {running[:8]} is ingesting; {len(pending)} files wait for the next."
        return IngestDecision(None, reason, attempts)
    batch = batch_name(pending, newest_load=newest_load)
    if batch != attempts.batch:
        return IngestDecision(_run_key(batch, 1), "", Attempts(batch, 1, now))
    if attempts.count > _MOST_RETRIES:
        reason = (
            f"{len(pending)} files were tried {attempts.count} times without success, among them"
            f" {pending[0].key}: see the failed runs, mend the cause and run ingest_and_score."
        )
        return IngestDecision(None, reason, attempts)
    due = attempts.last_at + _FIRST_RETRY * 2 ** (attempts.count - 1)
    if now < due:
        reason = f"The last run of these {len(pending)} files failed; next try at {due:%H:%M:%S}."
        return IngestDecision(None, reason, attempts)
    again = Attempts(batch, attempts.count + 1, now)
    return IngestDecision(_run_key(batch, again.count), "", again)
