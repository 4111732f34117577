"""Versions of code in the lake: what each is made of, so that a change can be told in words."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import duckdb

from lakehouse.connection import Lake

# A part's name as people read it ("model stg_reviews", "macro newest"), and the hash of its code.
Parts = Mapping[str, str]
_MODEL = "model "


@dataclass(frozen=True)
class CodeVersion:
    """Some code that rests on other code.

    Attributes:
        version: SHA-256 over the parts.
        parts: Hash of each part by its name.
    """

    version: str
    parts: Parts

    @classmethod
    def of(cls, parts: Parts) -> "CodeVersion":
        """The version that the parts make, in whatever order.

        >>> one, other = CodeVersion.of({"a": "1", "b": "2"}), CodeVersion.of({"b": "2", "a": "1"})
        >>> one.version == other.version
        True
        """
        ordered = dict(sorted(parts.items()))
        return cls(hashlib.sha256(json.dumps(ordered).encode()).hexdigest(), ordered)


def record_versions(
    connection: duckdb.DuckDBPyConnection, versions: Iterable[CodeVersion], *, now: datetime
) -> None:
    """Adds the versions that the lake does not know; inside a `Lake.write`."""
    for version in {one.version: one for one in versions}.values():
        connection.execute(
            "insert into lake.ops.code_versions by name"
            " select $version as version, $parts as parts, $now::timestamptz as recorded_at"
            " where not exists (from lake.ops.code_versions where version = $version)",
            {"version": version.version, "parts": json.dumps(dict(version.parts)), "now": now},
        )


def parts_of(lake: Lake, version: str | None) -> Parts | None:
    """What the version is made of; None if the lake does not know it."""
    rows = lake.rows("select parts from lake.ops.code_versions where version = ?", [version])
    found: Parts | None = json.loads(rows[0][0]) if rows else None
    return found


def changes_in_words(before: Parts | None, after: Parts | None) -> str:
    """What differs between two versions, and which dbt models do not; empty if that is unknown.

    >>> changes_in_words({"model stg": "1", "model mart": "1", "macro x": "1"},
    ...     {"model stg": "1", "model mart": "2", "macro x": "2", "function clean_text": "1"})
    'mart and macro x changed; function clean_text is new; stg unchanged'
    """
    if before is None or after is None or before == after:
        return ""
    both = [name for name in after if name in before]
    kinds = {
        "changed": [name for name in both if before[name] != after[name]],
        "new": [name for name in after if name not in before],
        "gone": [name for name in before if name not in after],
        "unchanged": [
            name for name in both if before[name] == after[name] and name.startswith(_MODEL)
        ],
    }
    words = []
    for kind, names in kinds.items():
        if names:
            verb = {"new": "is new", "gone": "is gone"} if len(names) == 1 else {}
            plural = {"new": "are new", "gone": "are gone"}
            words.append(f"{_listed(names)} {verb.get(kind) or plural.get(kind, kind)}")
    return "; ".join(words)


def _listed(names: list[str], most: int = 6) -> str:
    """The names, dbt models first and without their kind, some of them where there are many."""
    ordered = sorted(names, key=lambda name: (not name.startswith(_MODEL), name))
    shown = [name.removeprefix(_MODEL) for name in ordered[:most]]
    if len(ordered) > most:
        return f"{', '.join(shown)} and {len(ordered) - most} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
