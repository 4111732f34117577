"""What the doctor says of one thing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

Status = Literal["good", "warning", "broken", "repaired"]


@dataclass(frozen=True)
class Finding:
    """A thing that was looked at.

    Attributes:
        area: What kind of thing.
        status: Whether it is as it should be; a warning needs nobody at night.
        what: What was seen.
        remedy: What to do about it; empty where it is good.
        repair: Repairs it without losing anything, and says what it did.
    """

    area: str
    status: Status
    what: str
    remedy: str = ""
    repair: Callable[[], str] | None = None


Findings = Iterator[Finding]


def repaired(finding: Finding) -> Finding:
    """The finding after its repair, where it has one."""
    if finding.repair is None:
        return finding
    return Finding(finding.area, "repaired", f"{finding.what} -> {finding.repair()}")
