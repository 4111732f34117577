"""What went wrong in a dbt build, in one message, out of dbt's own results."""

import json
from pathlib import Path
from typing import Any

from lakehouse.errors import TidemarkError
from lakehouse.failures import explanation_of

_SHOWN = 5


def explained_failure(target: Path, project: Path) -> TidemarkError:
    """The error of a failed build whose results are in the target folder."""
    results = _results(target / "run_results.json")
    failed = [
        result for result in results if result["status"] in ("error", "fail", "runtime error")
    ]
    if not failed:
        text = _logged_errors(target / "dbt.log")
        if not text:
            return TidemarkError(
                "dbt ended without a result that failed, and has logged no error: it was killed,"
                " or could not start.",
                hint="Run the command again: what was not committed is done anew. If it happens"
                f" again, look for lack of memory, then at {target / 'dbt.log'}.",
            )
        return explanation_of(OSError(text)) or TidemarkError(
            f"dbt stopped without a result that failed.\n{text}",
            hint=f"Correct the dbt project in {project}; `tidemark check` parses it again.",
        )
    skipped = sum(result["status"] == "skipped" for result in results)
    lines = [f"  {_name(result)}: {_message(result)}" for result in failed[:_SHOWN]]
    if len(failed) > _SHOWN:
        lines.append(f"  and {len(failed) - _SHOWN} more")
    text = "\n".join(lines)
    return explanation_of(OSError(text)) or TidemarkError(
        f"dbt build: {len(failed)} failed, {skipped} skipped behind them.\n{text}",
        hint="Correct the dbt model or the data that it names, then run again; tables behind a"
        " failed test keep their last good state.",
    )


def _results(file: Path) -> list[dict[str, Any]]:
    """What became of each node; nothing where dbt had no time to write it."""
    if not file.exists():
        return []
    found: list[dict[str, Any]] = json.loads(file.read_text())["results"]
    return found


def _name(result: dict[str, Any]) -> str:
    kind, _, name = str(result["unique_id"]).partition(".")
    return f"{kind} {name.split('.', 1)[-1]}"


def _message(result: dict[str, Any]) -> str:
    return " ".join(str(result.get("message") or result["status"]).split())[:400]


def _logged_errors(log: Path) -> str:
    """What dbt logged as errors, of which it writes one JSON object a line.

    The last line of a dbt that was killed may be cut off: it is passed over.
    """
    if not log.exists():
        return ""
    whole, _, _ = log.read_text().rpartition("\n")
    entries = [json.loads(line)["info"] for line in whole.splitlines()]
    return "\n".join(entry["msg"] for entry in entries if entry["level"] == "error")
